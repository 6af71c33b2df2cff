import type { NextConfig } from "next";

const config: NextConfig = {
  poweredByHeader: false,
  // Without it Next.js looks for a lock file in the folders above and may take one of those for the root.
  turbopack: { root: import.meta.dirname },
};

export default config;
