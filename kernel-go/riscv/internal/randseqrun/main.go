// Command randseqrun compares the interpreter with qemu on random instruction sequences:
//
//	go run ./riscv/internal/randseqrun [-from SEED] [-programs N] [-sequences N]
//	go run ./riscv/internal/randseqrun -emit FILE [-from SEED] [-sequences N]
//
// Each seed is one program. It ends with 1 at the first difference and prints it. With
// -emit it writes the program of one seed, to be run elsewhere.
package main

import (
	"flag"
	"fmt"
	"os"

	"foreshore.dev/kernel/riscv/internal/randseq"
)

func main() {
	from := flag.Uint64("from", 1, "first seed")
	programs := flag.Int("programs", 100, "number of seeds")
	sequences := flag.Int("sequences", 1000, "sequences in each program")
	emit := flag.String("emit", "", "write the program of the first seed to this file")
	flag.Parse()
	if *emit != "" {
		check(os.WriteFile(*emit, randseq.Generate(*from, *sequences), 0o755))
		return
	}
	dir, err := os.MkdirTemp("", "randseq")
	check(err)
	defer os.RemoveAll(dir)
	for seed := *from; seed < *from+uint64(*programs); seed++ {
		elf := randseq.Generate(seed, *sequences)
		want, err := randseq.Oracle(elf, dir)
		check(err)
		got, err := randseq.Interpret(elf)
		if diff := randseq.Compare(seed, *sequences, got, want); diff != "" || err != nil {
			fmt.Println(diff, err)
			os.RemoveAll(dir)
			os.Exit(1)
		}
	}
	fmt.Printf("seeds %d to %d: %d sequences, no difference\n", *from, *from+uint64(*programs)-1, *programs**sequences)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "randseqrun:", err)
		os.Exit(2)
	}
}
