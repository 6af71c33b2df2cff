/** The functions of a deployment, found in the exports of its modules. */
import { CallError, StartupError, UserError } from "../errors.ts";
import { EMPTY_SCHEMA, parseSchema, type Schema } from "../storage/schema.ts";
import type { ValidatorJson } from "../validators/validator.ts";
import type { LoadedModule } from "./bundle.ts";

/** What `query(...)`, `mutation(...)` and `action(...)` of the `convex` package return. */
interface ExportedFunction {
  isQuery?: true;
  isMutation?: true;
  isAction?: true;
  isPublic?: true;
  isInternal?: true;
  invokeQuery?: (args: string) => Promise<string>;
  invokeMutation?: (args: string) => Promise<string>;
  invokeAction?: (requestId: string, args: string) => Promise<string>;
  exportArgs?: () => string;
  exportReturns?: () => string;
}

export interface HttpRouter {
  isRouter: true;
  lookup(path: string, method: string): readonly [HttpAction, string, string] | null;
}

export interface HttpAction {
  invokeHttpAction(request: Request): Promise<Response>;
}

export interface ConvexFunction {
  /** "contacts:getContextByPhone" */
  path: string;
  kind: "Query" | "Mutation" | "Action";
  isPublic: boolean;
  args: ValidatorJson;
  returns: ValidatorJson | null;
  /** Takes and returns Convex JSON text. */
  invoke(args: string, requestId: string): Promise<string>;
}

export class Functions {
  readonly schema: Schema;
  readonly router: HttpRouter | undefined;
  readonly #functions = new Map<string, ConvexFunction>();

  constructor(modules: LoadedModule[]) {
    const schema = modules.find(({ name }) => name === "schema");
    this.schema = schema === undefined ? EMPTY_SCHEMA : parseSchema(schema.exports["default"]);
    this.router = findRouter(modules);
    for (const { name, exports } of modules) {
      for (const [exportName, value] of Object.entries(exports)) {
        const found = readFunction(`${name}:${exportName}`, value);
        if (found !== undefined) this.#functions.set(found.path, found);
      }
    }
  }

  get size(): number {
    return this.#functions.size;
  }

  /** Throws CallError when there is none that the caller may see, or it is of another kind. */
  find(path: string, kind: ConvexFunction["kind"], access: "public" | "all"): ConvexFunction {
    const found = this.#visible(path, access);
    if (found.kind !== kind) {
      const [module, name] = splitPath(path);
      throw new CallError(
        `Trying to execute ${module}.js:${name} as ${kind}, but it is defined as ${found.kind}.`,
      );
    }
    return found;
  }

  findAny(path: string, access: "public" | "all"): ConvexFunction {
    return this.#visible(path, access);
  }

  #visible(path: string, access: "public" | "all"): ConvexFunction {
    const [module, name] = splitPath(path);
    const found = this.#functions.get(`${module}:${name}`);
    if (found !== undefined && (found.isPublic || access === "all")) return found;
    const shown = name === "default" ? module : `${module}:${name}`;
    throw new CallError(`Could not find public function for '${shown}'.`);
  }
}

const PATH_COMPONENT = /^[A-Za-z0-9_.]+$/;
const FUNCTION_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** "a/b.js:c" is ["a/b", "c"]; without a function name it is the default export. */
function splitPath(path: string): [module: string, name: string] {
  const colon = path.lastIndexOf(":");
  const module = (colon < 0 ? path : path.slice(0, colon)).replace(/\.js$/, "");
  const name = colon < 0 ? "default" : path.slice(colon + 1);
  const components = module.split("/");
  if (!components.every((component) => PATH_COMPONENT.test(component)) || !FUNCTION_NAME.test(name)) {
    throw new UserError(
      "BadConvexFunctionIdentifier",
      `${path} is not a valid path to a Convex function. Expected a module path and a function name, such as messages:list.`,
    );
  }
  return [module, name];
}

function findRouter(modules: LoadedModule[]): HttpRouter | undefined {
  const http = modules.find(({ name }) => name === "http");
  if (http === undefined) return undefined;
  const router = http.exports["default"] as Partial<HttpRouter> | undefined;
  if (router?.isRouter !== true) {
    throw new StartupError("http.ts: the default export must be an httpRouter()");
  }
  return router as HttpRouter;
}

function readFunction(path: string, value: unknown): ConvexFunction | undefined {
  if (typeof value !== "function") return undefined;
  const exported = value as ExportedFunction;
  const invoke = readInvoke(exported);
  if (invoke === undefined) return undefined;
  try {
    return {
      path,
      ...invoke,
      isPublic: exported.isPublic === true,
      args: JSON.parse(exported.exportArgs?.() ?? '{"type":"any"}') as ValidatorJson,
      returns: JSON.parse(exported.exportReturns?.() ?? "null") as ValidatorJson | null,
    };
  } catch (error) {
    throw new StartupError(`${path}: ${(error as Error).message}`);
  }
}

function readInvoke(exported: ExportedFunction): Pick<ConvexFunction, "kind" | "invoke"> | undefined {
  if (exported.isQuery) return { kind: "Query", invoke: (args) => exported.invokeQuery!(args) };
  if (exported.isMutation) return { kind: "Mutation", invoke: (args) => exported.invokeMutation!(args) };
  if (exported.isAction) return { kind: "Action", invoke: (args, requestId) => exported.invokeAction!(requestId, args) };
  return undefined;
}
