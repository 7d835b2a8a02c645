/**
 * The process viewer as a page or frame. Whoever has the machine posts it `{ attachment }` (of the same origin and process: live from
 * shared memory) or `{ port }`, a MessagePort that `runtime.serveControl` serves.
 */
import { type Attachment, ControlClient, connect, portDuplex, type Session } from "@foreshore/abi";
import { Top, type TopView } from "../table.ts";

const REST_MS = 1000;

type Given = { readonly attachment: Attachment } | { readonly port: MessagePort };

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

/** Texts become text nodes: programs name themselves as they like. */
function cells(tag: "td" | "th", texts: readonly string[]): HTMLElement[] {
  return texts.map((text) => {
    const cell = document.createElement(tag);
    cell.textContent = text;
    return cell;
  });
}

function show({ header, columns, rows }: TopView): void {
  element("header").replaceChildren(
    ...header.map((line) => Object.assign(document.createElement("div"), { textContent: line })),
  );
  element("columns").replaceChildren(
    ...cells(
      "th",
      columns.map(({ title }) => title),
    ),
  );
  element("rows").replaceChildren(
    ...rows.map((row) => {
      const line = document.createElement("tr");
      line.append(...cells("td", row));
      return line;
    }),
  );
}

async function watch(session: Session): Promise<void> {
  addEventListener("pagehide", () => void session.close());
  for await (const view of new Top(session).looks(REST_MS)) show(view);
}

addEventListener("message", async ({ data, origin }: MessageEvent<Given | undefined>) => {
  if (origin !== location.origin || data === undefined) return;
  try {
    if ("attachment" in data) await watch(await connect(data.attachment));
    else if ("port" in data) await watch(await ControlClient.open(portDuplex(data.port)));
  } catch (error) {
    element("header").textContent = String(error);
  }
});
parent.postMessage("top is ready", location.origin);
