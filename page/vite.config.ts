// Builds into the Python package. Nothing is inlined: the server's policy lets in files of its own and no data: or inline.
import { defineConfig } from "vite";

const SERVER = process.env.LOCAL_SEGMENT ?? "http://127.0.0.1:8765";

export default defineConfig({
  base: "/_/page/",
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
