/** Rings for others: what the Runtime posts to a worker or frame that is to use its machine. */
import {
  AttachError,
  type Attachment,
  type AttachmentWords,
  attachmentWords,
  Errno,
  Limit,
  type MachineHeader,
  type RpcClient,
  type SideVersion,
  type SlotHandleData,
  SystemError,
  versionOf,
} from "@foreshore/abi";

/** An attachment as its machine's Runtime has it. What is posted of it is the `Attachment`. */
export class RuntimeAttachment implements Attachment {
  readonly memory: WebAssembly.Memory;
  readonly abi: SideVersion;
  readonly client: SlotHandleData;
  readonly words: AttachmentWords;
  readonly #rpc: RpcClient;

  constructor(rpc: RpcClient, memory: WebAssembly.Memory, header: MachineHeader, client: SlotHandleData) {
    this.#rpc = rpc;
    this.memory = memory;
    this.abi = versionOf(header);
    this.client = client;
    this.words = attachmentWords(header, client.index);
  }

  /**
   * Takes the rings back and frees what their user held, for one that is gone without closing (its worker was ended). One that
   * is still there finds its session closed. Nothing happens when it has closed itself.
   */
  async detach(): Promise<void> {
    try {
      await this.#rpc.request.detachClient({ client: this.client });
    } catch (error) {
      if (!(error instanceof SystemError && error.errno === Errno.ESRCH)) throw error;
    }
  }
}

interface AttachedMachine {
  readonly client: RpcClient;
  readonly memory: WebAssembly.Memory | undefined;
  readonly header: MachineHeader | undefined;
  readonly error: Error | undefined;
}

export async function attachment(machine: AttachedMachine): Promise<RuntimeAttachment> {
  const { client, memory, header } = machine;
  if (machine.error !== undefined) throw machine.error;
  if (memory === undefined || header === undefined) {
    throw new AttachError(
      "host",
      "this machine is of a single worker, whose memory nobody shares: it needs a host that shares memory",
    );
  }
  try {
    const { client: slot } = await client.request.attachClient();
    return new RuntimeAttachment(client, memory, header, slot);
  } catch (error) {
    if (!(error instanceof SystemError && error.errno === Errno.ENOSPC)) throw error;
    throw new AttachError(
      "full",
      `all ${Limit.Clients} clients of this machine have users (the Runtime is one): close one`,
    );
  }
}
