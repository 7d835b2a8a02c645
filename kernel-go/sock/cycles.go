package sock

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// Sockets that only messages in one another hold: nobody can reach them. A suspect is
// a socket on its way that only messages hold. What suspects hold of one another is
// subtracted; who is left with more is held by a message that can be reached, and so is
// all that lies in him. The rest goes.

// isSuspect is one more than the references that were not found yet (SocketLive.unseen):
// 0 is no suspect.
const isSuspect = 1

// buryCycles buries what such sockets have in them, which Reap then frees.
func buryCycles() {
	l := state()
	l.Changes = 0
	for i := l.FlightHead; i != 0; i = kmem.Socket(i).Live.FlightNext {
		s := kmem.Socket(i)
		s.Live.Unseen = 0
		if kmem.Ofd(s.Live.Ofd).Header.Refs == s.Live.InFlight {
			s.Live.Unseen = s.Live.InFlight + isSuspect
		}
	}
	for i := l.FlightHead; i != 0; i = kmem.Socket(i).Live.FlightNext {
		if kmem.Socket(i).Live.Unseen == 0 {
			continue
		}
		for w, to := begin(i).next(); to != 0; w, to = w.next() {
			if s := kmem.Socket(to); s.Live.Unseen > isSuspect {
				s.Live.Unseen--
			}
		}
	}
	found := abi.SocketRef(0)
	for i := l.FlightHead; i != 0; i = kmem.Socket(i).Live.FlightNext {
		if kmem.Socket(i).Live.Unseen > isSuspect {
			found = reached(i, found)
		}
	}
	for found != 0 {
		i := found
		found = kmem.Socket(i).Live.SearchNext
		kmem.Socket(i).Live.SearchNext = 0
		for w, to := begin(i).next(); to != 0; w, to = w.next() {
			if kmem.Socket(to).Live.Unseen != 0 {
				found = reached(to, found)
			}
		}
	}
	// What is a suspect still holds itself by the messages in it: these go.
	for i := l.FlightHead; i != 0; i = kmem.Socket(i).Live.FlightNext {
		if s := kmem.Socket(i); s.Live.Unseen != 0 {
			s.Live.Unseen = 0
			s.Live.SearchNext, found = found, i
		}
	}
	for found != 0 {
		i := found
		found = kmem.Socket(i).Live.SearchNext
		kmem.Socket(i).Live.SearchNext = 0
		for w := begin(i); w.message != 0; w = w.skip() {
			buryRights(w.message)
		}
	}
}

// reached takes a socket off the suspects and puts it into the list of those whose
// messages are to be looked at.
func reached(i, list abi.SocketRef) abi.SocketRef {
	s := kmem.Socket(i)
	s.Live.Unseen, s.Live.SearchNext = 0, list
	return i
}

// contents are the rights in a socket's messages, and in those of the connections
// that wait in it.
type contents struct {
	queued  abi.SocketRef
	message abi.SocketMessageRef
	right   uint32
}

func begin(i abi.SocketRef) contents {
	s := kmem.Socket(i)
	return contents{queued: s.Live.AcceptHead, message: s.Live.MessageHead}.settle()
}

// settle goes on to the next queue that has messages.
func (w contents) settle() contents {
	for w.message == 0 && w.queued != 0 {
		s := kmem.Socket(w.queued)
		w.message, w.queued = s.Live.MessageHead, s.Live.QueueNext
	}
	return w
}

func (w contents) skip() contents {
	w.message, w.right = kmem.SocketMessage(w.message).Next, 0
	return w.settle()
}

// next is the next socket among them that can carry others, 0 at the end.
func (w contents) next() (contents, abi.SocketRef) {
	for w.message != 0 {
		r := kmem.SocketMessage(w.message)
		if w.right == r.Rights {
			w = w.skip()
			continue
		}
		ofd := kmem.Held[abi.OfdRef](*rightOf(r, w.right))
		w.right++
		if i := unixOf(ofd); i != 0 {
			return w, i
		}
	}
	return w, 0
}
