// Builds into the Python package. Nothing is inlined: the server's policy lets in files of its own and no data: or inline.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig, type Plugin } from "vite";

const SERVER = process.env.LOCAL_SEGMENT ?? "http://127.0.0.1:8765";

/** Puts a digest of what it was built from beside it: tests/page/test_build.py sees a forgotten build by it, without node. */
function sourcesDigest(): Plugin {
  return {
    name: "sources-digest",
    generateBundle() {
      const root = import.meta.dirname;
      const names = readdirSync(root, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && !entry.parentPath.startsWith(join(root, "node_modules")))
        .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
        .sort();
      const digest = createHash("sha256");
      for (const name of names) digest.update(`${name}\0`).update(readFileSync(join(root, name))).update("\0");
      this.emitFile({ type: "asset", fileName: "sources.txt", source: `${digest.digest("hex")}\n` });
    },
  };
}

export default defineConfig({
  base: "/_/page/",
  plugins: [sourcesDigest()],
  build: {
    outDir: "../segment_gevent/debugger/page",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    target: "es2022",
    // What is bundled is others' work: their licences go with it.
    license: { fileName: "licenses.md" },
  },
  server: {
    // `npm run dev` shows this machine's local Segment; the Host and the Origin are as if it had served the page.
    proxy: {
      "^/_/(?!page/)": {
        target: SERVER,
        changeOrigin: true,
        configure: (proxy) => proxy.on("proxyReq", (request) => request.setHeader("Origin", SERVER)),
      },
    },
  },
});
