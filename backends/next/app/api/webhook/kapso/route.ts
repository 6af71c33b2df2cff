import { receiveKapso } from "../../../../lib/webhook.ts";

export const dynamic = "force-dynamic";

export const POST = receiveKapso;
