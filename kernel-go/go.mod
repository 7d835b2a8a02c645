module foreshore.dev/kernel

go 1.26
