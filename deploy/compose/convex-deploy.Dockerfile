# Pushes backends/convex to the self-hosted deployment, once. The build context is the repository.
FROM node:24-bookworm-slim
WORKDIR /convex
COPY backends/convex/package.json backends/convex/package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund
COPY backends/convex/tsconfig.json ./
COPY backends/convex/convex ./convex
COPY deploy/compose/convex_deploy.sh /usr/local/bin/convex_deploy.sh
CMD ["bash", "/usr/local/bin/convex_deploy.sh"]
