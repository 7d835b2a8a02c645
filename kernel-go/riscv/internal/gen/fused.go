package main

// fused lists the sequences that get a case of their own, by what they save in the
// programs that were profiled (docs/notes/cpu.md).
var fused = []string{}
