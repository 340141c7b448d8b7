import { render } from "preact";
import { App } from "./app";
import { listenToKeys } from "./lib/keys";
import { listen } from "./lib/live";
import "./styles/main.css";

listen();
listenToKeys();
render(<App />, document.getElementById("app")!);
