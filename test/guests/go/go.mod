module foreshore.dev/guests

go 1.26
