"""A client of a Foreshore machine in Python: its control channel, read and written by abi/abi.lock.json alone.

    foreshore.py LOCK SOCKET version | ls PATH | cat PATH | put PATH | ps

LOCK is abi.lock.json of the package @foreshore/abi, SOCKET what `foreshore run --control SOCKET` listens on.
"""
import json
import re
import socket
import struct
import sys

CODES = {"u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I", "i32": "i", "u64": "Q", "i64": "q", "f32": "f", "f64": "d"}
PIECE = 65536


class Abi:
    """Numbers and layouts of the lock, whose type grammar is in abi/README.md; all is little endian."""

    def __init__(self, path):
        self.lock = json.load(open(path))
        self.structs = self.lock["structs"]

    def number(self, name):
        owner, value = name.split(".")
        return int((self.lock["enums"].get(owner, {}).get("values") or self.lock["constants"][owner])[value])

    def name(self, enum, value):
        return next((name for name, number in self.lock["enums"][enum]["values"].items() if int(number) == value), str(value))

    def read(self, name, data, at=0):
        return self._read(name, data[at:].ljust(self.structs[name]["size"], b"\0"), 0)

    def _read(self, kind, data, at):
        kind = re.sub(r"^((atomic|bounded|reserved) )*| as .*$", "", kind)
        array = re.fullmatch(r"\[(.+):(\d+)\]", kind)
        if array:
            values = [self._read(array[1], data, at + i * self._size(array[1])) for i in range(int(array[2]))]
            return bytes(values) if array[1] == "u8" else values
        if kind in self.structs:
            return {field["name"]: self._read(field["type"], data, at + field["offset"]) for field in self.structs[kind]["fields"]}
        return struct.unpack_from("<" + CODES[kind.split(":")[-1]], data, at)[0]

    def _size(self, kind):
        return self.structs[kind]["size"] if kind in self.structs else struct.calcsize("<" + CODES[kind.split(":")[-1]])

    def write(self, name, values):
        data = bytearray(self.structs[name]["size"])
        for field in self.structs[name]["fields"]:
            kind, at = re.sub(r"^((atomic|bounded) )*", "", field["type"]), field["offset"]
            value = values.get(field["name"], 0)
            if kind in self.structs:
                data[at : at + field["size"]] = self.write(kind, value or {})
            elif not field.get("reserved") and not kind.startswith("["):
                struct.pack_into("<" + CODES[kind.split(":")[-1]], data, at, value)
        return bytes(data)


class Machine:
    def __init__(self, abi, path):
        self.abi, self.last, self.socket = abi, 0, socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.stream = self.socket.makefile("rb")
        version, layout = abi.lock["version"], int(abi.lock["layoutHash"], 16)
        hello = {"magic": abi.number("Control.Magic"), "abi_major": version["major"], "abi_minor": version["minor"]}
        hello.update(layout_hash_lo=layout & 0xFFFFFFFF, layout_hash_hi=layout >> 32, frame_bytes=abi.number("Control.FrameBytes"))
        self.socket.sendall(abi.write("ControlHello", hello))
        self.hello = abi.read("ControlHello", self._exactly(abi.structs["ControlHello"]["size"]))
        if self.hello["status"] != abi.number("ControlStatus.Ok"):
            said = "refused: %s; the machine speaks ABI {abi_major}.{abi_minor} (layout {layout_hash_hi:08x}{layout_hash_lo:08x})"
            sys.exit(said.format(**self.hello) % abi.name("ControlStatus", self.hello["status"]))

    def _exactly(self, count):
        data = self.stream.read(count)
        return data if len(data) == count else sys.exit("the machine has closed the control channel")

    def _exchange(self, kind, data):
        data += b"\0" * (-len(data) % self.abi.number("Control.Align"))
        kind = self.abi.number(f"ControlFrameKind.{kind}")
        self.socket.sendall(self.abi.write("ControlFrame", {"length": len(data), "kind": kind}) + data)
        frame = self.abi.read("ControlFrame", self._exactly(self.abi.structs["ControlFrame"]["size"]))
        answer = self._exactly(frame["length"])
        if frame["kind"] == self.abi.number("ControlFrameKind.Fault"):
            fault = self.abi.read("ControlFault", answer)
            sys.exit(f"cut off: {self.abi.name('ControlFaultCode', fault['code'])} ({fault['value']})")
        return answer

    def request(self, opcode, reply=0, **fields):
        """One request at a time, its spans one behind the other in the arena: the ReplyEvent, and the reply's bytes."""
        self.last += 1
        entry, at, carried = {"header": {"opcode": self.abi.number(f"Opcode.{opcode}"), "request_id": self.last}}, 0, b""
        align = self.abi.number("Control.Align")
        for field in self.abi.structs[f"{opcode}Request"]["fields"]:
            name, data = field["name"], fields.get(field["name"], 0)
            if field["type"] == "ArenaSpan":
                length = reply if name == "reply" else len(data or b"")
                entry[name] = {"offset": at, "length": length}
                carried += data + b"\0" * (-len(data) % align) if name != "reply" and data else b""
                at += length + -length % align
            elif name in fields:
                entry[name] = data
        answer = self._exchange("Request", self.abi.write(f"{opcode}Request", entry) + carried)
        event = self.abi.read("ReplyEvent", answer)
        if event["result"] < 0:
            sys.exit(f"{opcode}: {self.abi.name('Errno', -event['result'])}")
        return event, answer[self.abi.number("Fixed.RingEntryBytes") :][: event["result"]]

    def slots(self, kind, name):
        """State of all slots of a kind: what is behind `live` in them stays in the machine."""
        size, number, at = {name: item["size"] for name, item in self.abi.structs.items()}, self.abi.number(f"SlotKind.{kind}"), 0
        while True:
            page = self._exchange("Query", self.abi.write("ControlQuery", {"id": 1, "kind": number, "from": at}))
            state, place = self.abi.read("ControlState", page), size["ControlState"]
            for _ in range(state["count"]):
                record = self.abi.read("ControlRecord", page, place)
                begin, place = place + size["ControlRecord"], place + size["ControlRecord"] + record["length"]
                yield record["index"], self.abi.read(name, b"\0" * size["SlotHeader"] + page[begin:place])
            if (at := state["next"]) == 0:
                return


def main(lock, path, command, *operands):
    machine = Machine(Abi(lock), path)
    if command == "version":
        print("{abi_major}.{abi_minor}, arena of {arena_bytes} bytes".format(**machine.hello))
    elif command == "ls":
        name = next(field["offset"] for field in machine.abi.structs["Dirent64"]["fields"] if field["name"] == "name")
        event, data = machine.request("Readdir", reply=PIECE, path=operands[0].encode())
        while data:
            print(data[name:].split(b"\0", 1)[0].decode())
            if not (data := data[machine.abi.read("Dirent64", data)["reclen"] :]):
                event, data = machine.request("Readdir", reply=PIECE, path=operands[0].encode(), cookie=event["value"])
    elif command == "cat":
        at = 0
        while data := machine.request("ReadFile", reply=PIECE, path=operands[0].encode(), position=at)[1]:
            at += sys.stdout.buffer.write(data)
    elif command == "put":
        flags, at = machine.abi.number("OpenFlag.O_CREAT") | machine.abi.number("OpenFlag.O_TRUNC"), 0
        while (data := sys.stdin.buffer.read(PIECE)) or at == 0:
            machine.request("WriteFile", path=operands[0].encode(), data=data, open_flags=flags, mode=0o644, position=at)
            at, flags = at + max(1, len(data)), 0
    elif command == "ps":
        for process in (slot["state"] for _, slot in machine.slots("Process", "ProcessSlot") if slot["state"]["pid"]):
            print(process["pid"], process["comm"].rstrip(b"\0").decode())
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:]) if len(sys.argv) > 3 else sys.exit(__doc__)
