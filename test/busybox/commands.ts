// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${x} is the shell's here
/**
 * What busybox is asked to do: each entry is a script for `busybox sh -c`, run in an empty directory. Output, errors and exit
 * code must be those of the same binary under qemu, so nothing here may print times, process ids or inode numbers.
 */
export interface Command {
  name: string;
  script: string;
  stdin?: string;
}

const lines = (n: number) => Array.from({ length: n }, (_, i) => `line ${i} ${(i * 7919) % 1009}`).join("\n");

/** One applet, or a few that belong together, each. */
export const applets: Command[] = [
  { name: "echo", script: "echo hello world; echo -n x; echo -e 'a\\tb\\n'" },
  { name: "cat", script: "cat; cat -n - < /dev/null; printf '1\\n2\\n' | cat -n", stdin: "from stdin\n" },
  { name: "ls", script: "mkdir d; touch d/a d/b .h; ls -a; ls -1R; ls -d d absent" },
  {
    name: "ls-long",
    script: "echo hi > f; chmod 640 f; touch -d '2020-01-02 03:04:05' f; ln -s f l; ls -ln f | cut -c1-60",
  },
  { name: "cp", script: "mkdir -p a/b; echo 1 > a/b/f; cp -r a c; cp -p a/b/f g; cat c/b/f g; cp absent x" },
  { name: "mv", script: "echo 1 > f; mkdir d; mv f d/; mv d e; ls e; mv nope x" },
  { name: "rm", script: "mkdir -p a/b/c; touch a/x a/b/y; rm a/x; rm a; rm -r a; ls; rm -f nope; rm nope" },
  {
    name: "mkdir-rmdir",
    script: "mkdir -p x/y/z; rmdir x/y/z x/y; ls x; rmdir x; mkdir -m 700 s; stat -c %a s; rmdir nope",
  },
  {
    name: "ln-readlink",
    script: "echo t > f; ln f h; ln -s f s; readlink s; readlink -f s | sed 's/.*\\///'; stat -c '%h %s' f",
  },
  {
    name: "touch-stat",
    script: "touch -d '2001-02-03 04:05:06' f; stat -c '%n %s %a %F %Y %u %g' f; stat -c '%F' . /dev/null",
  },
  {
    name: "chmod",
    script: "touch f; chmod 755 f; stat -c %a f; chmod u-w,go+w f; stat -c %A f; chmod +t . ; chmod 9 f",
  },
  { name: "chown", script: "touch f; chown 12:34 f; stat -c '%u %g' f; chgrp 5 f; stat -c '%u %g' f" },
  {
    name: "head-tail",
    script: "head -n 3; head -c 5 /etc/passwd; seq 100 | tail -n 3; seq 20 | tail -n +18; seq 9 | head -n -6",
    stdin: lines(50),
  },
  {
    name: "wc",
    script: "wc; seq 1000 | wc -l; printf 'a b\\nc' | wc -w -c; wc -l /etc/passwd /etc/group",
    stdin: lines(30),
  },
  {
    name: "sort",
    script:
      "sort -k3n | tail -n 4; printf 'b\\na\\nB\\nA\\na\\n' | sort -u; printf '10\\n9\\n1e1\\n' | sort -rn; printf 'x:2\\ny:1\\n' | sort -t: -k2",
    stdin: lines(200),
  },
  { name: "sort-large", script: "seq 20000 | awk '{print ($1*7919)%20011, $1}' | sort -n -k1,1 -k2,2r | md5sum" },
  {
    name: "uniq",
    script:
      "printf 'a\\na\\nb\\na\\n' | uniq; printf 'a\\na\\nb\\n' | uniq -c; printf 'a\\na\\nb\\n' | uniq -d; printf 'a\\na\\nb\\n' | uniq -u",
  },
  { name: "cut", script: "echo a:b:c:d | cut -d: -f2,4; echo abcdef | cut -c2-4; cut -d: -f1 /etc/passwd" },
  { name: "paste", script: "seq 3 > a; seq 4 6 > b; paste a b; paste -s -d, a; paste -d- a b" },
  {
    name: "tr",
    script: "echo Hello | tr a-z A-Z; echo aabbcc | tr -s ab; echo abc123 | tr -d 0-9; echo x | tr -c x y",
  },
  {
    name: "grep",
    script:
      "grep -n 'line 1' | head -n 3; echo abc | grep -c b; echo abc | grep -v b; echo 'a.b' | grep -F .; echo foo42 | grep -oE '[0-9]+'; echo no | grep yes",
    stdin: lines(30),
  },
  {
    name: "grep-files",
    script:
      "mkdir d; echo one > d/a; echo two > d/b; grep -r o d | sort; grep -l two d/*; grep -q one d/a && echo found; grep x nofile",
  },
  {
    name: "sed",
    script:
      "seq 5 | sed -n '2,4p'; echo hello | sed 's/l/L/g'; printf 'a\\nb\\nc\\n' | sed '2d;$s/$/!/'; echo 'x=1' | sed -E 's/(.*)=(.*)/\\2=\\1/'",
  },
  {
    name: "sed-script",
    script:
      "seq 10 | sed -n -e '/3/,/5/{s/^/> /;p}' -e '$=' ; printf 'a\\nb\\n' | sed 'N;s/\\n/-/'; seq 3 > f; sed -i 's/2/two/' f; cat f; seq 4 | sed '1!G;h;$!d'",
  },
  {
    name: "awk",
    script:
      "awk '{s+=$3; n++} END {print n, s}'; echo 'a b c' | awk '{print $NF, NF}'; awk -F: '{print $1}' /etc/passwd; awk 'BEGIN{printf \"%5.2f|%-5s|%x\\n\", 3.14159, \"ab\", 255}'",
    stdin: lines(100),
  },
  {
    name: "awk-program",
    script:
      "seq 20 | awk '$1%2 {a[$1]=$1*$1} END {for (i=1;i<20;i+=2) printf \"%d \", a[i]; print \"\"}'; awk 'function f(n){return n<2?n:f(n-1)+f(n-2)} BEGIN{print f(15)}'; echo 'k=v;w=x' | awk '{n=split($0,p,\";\"); for(i=1;i<=n;i++){sub(/=/,\":\",p[i]); print p[i]}}'",
  },
  {
    name: "awk-float",
    script: "awk 'BEGIN{print 1/3, 1e300*10, int(-3.7), 7%3, 2/7*7; printf \"%.15g %e\\n\", 0.1+0.2, 123456}'",
  },
  {
    name: "find",
    script:
      "mkdir -p a/b/c; touch a/1.txt a/b/2.txt a/b/c/3.log; find . | sort; find a -name '*.txt' -type f | sort; find a -maxdepth 1 -type d | sort; find a -name '*.log' -exec echo got {} \\;",
  },
  {
    name: "find-actions",
    script:
      "mkdir d; for i in 1 2 3; do echo $i > d/$i; done; find d -type f -print0 | sort -z | xargs -0 cat; find d -type f -size -2 | wc -l; find d -name 2 -exec rm {} +; ls d; find d -newer nofile",
  },
  {
    name: "xargs",
    script:
      "seq 10 | xargs -n 3 echo; echo 'a b' | xargs -I{} echo '<{}>'; printf 'x\\0y' | xargs -0 echo; echo 1 2 | xargs false; echo $?",
  },
  { name: "tee", script: "echo data | tee a b; cat a b; echo more | tee -a a > /dev/null; cat a" },
  {
    name: "seq-factor",
    script:
      "seq 1 3 10; seq -s, 5; seq 5 -2 1; factor 97 100 1001; expr 6 \\* 7; expr length hello; expr abc : 'a\\(.\\)'",
  },
  { name: "bc-dc", script: "echo '2^64; scale=10; 1/3; sqrt(2)' | bc; echo '3 4 + p 2 * p' | dc" },
  {
    name: "printf",
    script:
      "printf '%s-%05d-%x-%o-%c\\n' str 42 255 8 zed; printf '%b' 'a\\nb\\n'; printf '%.3f %e %g\\n' 3.14159 1234.5 0.0001; printf '%d\\n' 0x1f",
  },
  {
    name: "test",
    script:
      "[ 1 -lt 2 ] && echo lt; test -d /tmp && echo dir; [ -f /bin/busybox ] && echo file; [ -z '' ] && echo empty; [ a = b ] || echo ne; [ -x /bin/sh ] && echo x; [ 1 -eq a ]; echo $?",
  },
  {
    name: "basename-dirname",
    script: "basename /a/b.c .c; dirname /a/b/c; realpath /bin/../tmp; realpath nope/x; pwd | sed 's/.*\\///'",
  },
  {
    name: "dd",
    script:
      "seq 1000 | dd bs=10 count=3 skip=2 2> /dev/null; dd if=/dev/zero of=z bs=1k count=100 2> /dev/null; wc -c < z; echo hello | dd conv=ucase 2> /dev/null; dd if=z of=z2 bs=4k seek=2 2> /dev/null; wc -c < z2",
  },
  {
    name: "od-hexdump",
    script:
      "printf 'ABC\\001\\377' | od -c; printf 'hello world 1234' | od -An -tx1; printf abc | hexdump -C; printf 'xyz' | xxd; echo 616263 | xxd -r -p",
  },
  {
    name: "md5-sha",
    script:
      "printf abc | md5sum; printf abc | sha1sum; printf abc | sha256sum; printf abc | sha512sum; seq 100000 | sha256sum; seq 10 > f; sha256sum f > s; sha256sum -c s; seq 11 > f; sha256sum -c s",
  },
  { name: "sha3-cksum", script: "printf abc | sha3sum; seq 5000 | cksum; printf abc | crc32; seq 100 | sum" },
  {
    name: "base64",
    script:
      "printf 'hello world' | base64; echo aGVsbG8= | base64 -d; seq 100 | base64 | base64 -d | md5sum; printf hello | base32; echo x | uuencode f",
  },
  {
    name: "gzip",
    script:
      "seq 5000 > f; cp f g; gzip f; ls; gunzip -t f.gz; zcat f.gz | md5sum; gzip -d f.gz; cmp f g && echo same; echo junk > j.gz; gunzip j.gz; echo $?",
  },
  {
    name: "bzip2-xz",
    script:
      "seq 3000 | bzip2 | bzcat | md5sum; seq 3000 | bzip2 -9 | wc -c; seq 2000 > f; bzip2 f; bunzip2 f.bz2; md5sum f",
  },
  {
    name: "tar",
    script:
      "mkdir -p t/d; seq 100 > t/a; echo x > t/d/b; ln -s a t/l; tar cf t.tar t; rm -r t; tar tf t.tar | sort; tar xf t.tar; md5sum t/a t/d/b; readlink t/l",
  },
  {
    name: "tar-gz",
    script:
      "mkdir s; for i in $(seq 50); do seq $i > s/$i; done; tar czf s.tgz s; mkdir x; tar xzf s.tgz -C x; cat x/s/* | md5sum; cat s/* | md5sum; tar xzf nope.tgz",
  },
  {
    name: "cpio",
    script:
      "mkdir d; echo 1 > d/a; echo 2 > d/b; find d | sort | cpio -o -H newc 2> /dev/null > c; mkdir x; cd x; cpio -id < ../c 2> /dev/null; cat d/a d/b",
  },
  {
    name: "diff-cmp",
    script:
      "seq 5 > a; seq 6 > b; diff a b; echo $?; diff -u a b | tail -n +3; cmp a b; cmp a a && echo same; seq 5 | sed s/3/x/ > c; diff a c",
  },
  {
    name: "patch",
    script:
      "seq 5 > a; sed s/3/three/ a > b; diff -u a b > p; cp a t; patch t p; cat t; patch -R t < p; cmp a t && echo back",
  },
  {
    name: "fold-fmt",
    script:
      "echo abcdefghij | fold -w 4; printf 'a\\tb\\n' | expand; printf 'a       b\\n' | unexpand -a; seq 3 | tac; echo abc | rev; seq 3 | nl; printf '1\\n2\\n' | cat -A",
  },
  {
    name: "truncate-du",
    script: "truncate -s 10000 f; wc -c < f; truncate -s 5 f; wc -c < f; fallocate -l 8192 g; wc -c < g",
  },
  {
    name: "which-env",
    script:
      "which sh; env | sort; env -i A=1 env; printenv HOME; env FOO=bar sh -c 'echo $FOO'; which nothing-like-this",
  },
  {
    name: "id-whoami",
    script:
      "id; whoami; id -u; groups; hostname > /dev/null && echo named; uname -s -m; nproc > /dev/null && echo counted; tty; arch",
  },
  {
    name: "date",
    script:
      "date -u -d @0 '+%Y-%m-%d %H:%M:%S %a %j'; date -u -d '2024-02-29 12:00' +%s; date -u -d @1700000000; TZ=EST5EDT date -d @0 +%H; date -d nonsense",
  },
  { name: "cal", script: "cal 2 2024; cal 9 1752" },
  {
    name: "sleep-timeout",
    script:
      "sleep 0.05; echo slept; timeout 0.2 sleep 10; echo $?; timeout 5 echo quick; timeout -s KILL 0.1 sleep 9; echo $?",
  },
  { name: "yes-head", script: "yes | head -n 3; yes ab c | head -c 11; echo; yes | head -n 100000 | wc -l" },
  {
    name: "nice-nohup",
    script: "nice -n 5 nice; nohup echo hi 2> /dev/null; setsid echo in-session; true && echo t; false || echo f",
  },
  {
    name: "kill-signals",
    // ash says "Terminated" only of a job that ends while it waits for it: a race that any parallel host can decide either way.
    script:
      "exec 2> /dev/null; kill -l 9; kill -l TERM; sleep 100 & kill $!; wait $!; echo $?; sleep 100 & kill -9 $!; wait $!; echo $?; kill 999999 2>&1",
  },
  { name: "ps", script: "ps | head -n 1; ps -o pid,args | grep -q '[s]h -c' && echo listed" },
  {
    name: "mktemp",
    script:
      "f=$(mktemp /tmp/x.XXXXXX); [ -f $f ] && echo file; d=$(mktemp -d /tmp/y.XXXXXX); [ -d $d ] && echo dir; stat -c %a $f $d; rm -r $f $d",
  },
  {
    name: "install-unlink",
    script: "echo x > f; install -m 711 f g; stat -c %a g; install -d a/b/c; ls -d a/b/c; unlink f; ls; unlink f",
  },
  {
    name: "mkfifo",
    script:
      "mkfifo p; echo through > p & cat p; wait; stat -c %F p; (for i in 1 2 3; do echo $i; done) > p & while read x; do echo got $x; done < p",
  },
  {
    name: "df-free",
    script:
      "df -P / > /dev/null && echo df; free | head -n 1 | awk '{print $1, $2}'; mount | grep -q ' /proc ' && echo proc",
  },
  {
    name: "proc",
    script:
      "cat /proc/sys/kernel/ostype; [ -d /proc/self ] && echo self; tr '\\0' ' ' < /proc/self/cmdline; echo; head -n 1 /proc/meminfo | cut -d: -f1; readlink /proc/self/exe | sed 's/.*\\///'",
  },
  {
    name: "devices",
    script:
      "head -c 4 /dev/zero | od -An -tx1; echo x > /dev/null; head -c 100 /dev/urandom | wc -c; echo full > /dev/full; echo $?; cat < /dev/null",
  },
  { name: "strings-shuf", script: "printf 'ab\\0hello\\001world!\\n' | strings; seq 10 | shuf | sort -n | md5sum" },
  { name: "ed", script: "seq 5 > f; printf '3d\\n2s/2/two/\\nw\\nq\\n' | ed f; cat f" },
  { name: "less-more", script: "seq 3 | more; seq 3 | less" },
  {
    name: "usleep-time",
    script: "usleep 1000 && echo ok; time true 2> t; grep -c real t; pidof nothing-like-this; echo $?",
  },
  {
    name: "wget-network",
    script:
      "wget -q -O - http://192.0.2.1/ 2>&1 | grep -o 'Network is unreachable'; nslookup example.invalid 192.0.2.1 > /dev/null 2>&1; echo $?",
  },
  {
    name: "chroot",
    script:
      "mkdir -p r/bin; cp /bin/busybox r/bin/; chroot r /bin/busybox ls /; chroot r /bin/busybox pwd; chroot nope true; echo $?",
  },
  {
    name: "logname-misc",
    script:
      "ascii 2> /dev/null | head -n 1; cal > /dev/null && echo cal; sync && echo sync; clear > /dev/null; ttysize > /dev/null; echo $?",
  },
  { name: "tree-files", script: "mkdir -p a/b; echo 1 > a/x; ls -R a; du -a a | wc -l; cat a/*; cat a/b; echo $?" },
  { name: "start-stop", script: "run-parts --test . ; start-stop-daemon -S -x /bin/echo -- daemon ran" },
  {
    name: "many-files",
    script:
      "mkdir d; i=0; while [ $i -lt 300 ]; do : > d/$i; i=$((i+1)); done; ls d | wc -l; rm d/1*; ls d | wc -l; rm -r d; ls",
  },
  {
    name: "unix2dos",
    script: "printf 'a\\nb\\n' > f; unix2dos f; od -c f; dos2unix f; od -c f; busybox echo by busybox",
  },
  { name: "egrep-fgrep", script: "printf 'a.b\\naxb\\n' | fgrep a.b; printf 'a.b\\naxb\\n' | egrep 'a.b$' | wc -l" },
  { name: "getopt", script: "getopt -o ab: -l long,value: -- -a -b x --value=7 rest; getopt a: -a; echo $?" },
  {
    name: "ipcalc",
    script: "ipcalc -b -n -m 192.168.5.7/20; ipcalc -p 10.0.0.1 255.255.0.0; ipcalc nonsense; echo $?",
  },
  { name: "link", script: "echo x > a; link a b; cat b; stat -c %h a; link a b; echo $?" },
  {
    name: "lzma-tools",
    script:
      "seq 300 > f; xz < /dev/null | od -c | head -1; lzop -c f > f.lzo; lzop -dc f.lzo | cmp - f && echo same; printf junk > j.lzma; unlzma j.lzma; echo $?; lzcat j.lzma; xzcat /etc/passwd; echo $?; unxz /etc/passwd; echo $?; lzma -d < j.lzma; echo $?",
  },
  {
    name: "uncompress-unzip",
    script:
      "printf junk > j.Z; uncompress j.Z; echo $?; printf 'PK\\005\\006\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0' > e.zip; unzip -l e.zip; unzip j.Z; echo $?",
  },
  {
    name: "uudecode",
    script: "seq 30 > f; uuencode f f > u; rm f; uudecode u; cat f | md5sum; uuencode -m u x | head -2",
  },
  { name: "shred", script: "echo secret > f; shred -n 1 -z f; od -c f | head -1; shred -u f; ls" },
  { name: "taskset", script: "taskset 1 echo pinned; taskset -c 0 echo too; taskset; echo $?" },
  { name: "setpriv", script: "setpriv --nnp echo no more; setpriv --nnp grep NoNewPrivs /proc/self/status" },
  {
    name: "mkpasswd",
    script:
      "mkpasswd -m sha512 -S abcdefgh pass; mkpasswd -m md5 -S abcdefgh pass; echo pass | mkpasswd -m sha256 -S saltsalt -P 0",
  },
  { name: "mknod", script: "mknod f p; stat -c %F f; mknod; echo $?" },
  { name: "sysctl", script: "sysctl -n kernel.ostype; sysctl -n nonsense.name; echo $?" },
  { name: "nuke", script: "mkdir -p a/b; touch a/b/c; nuke a; ls" },
  { name: "ts", script: "seq 3 | ts x" },
  { name: "renice", script: "renice -n 5 -p $$; nice" },
  { name: "stty-tty", script: "stty < /dev/null; echo $?; tty; echo $?" },
  { name: "su", script: "su -c 'id -u' root; nologin < /dev/null | head -1;" },
  { name: "svok", script: "mkdir s; svok s; echo $?; svc -u s; echo $?" },
  {
    name: "image-tools",
    script:
      "dd if=/dev/zero of=i bs=1k count=2048 2> /dev/null; mke2fs -F i 2>&1 | grep -c inode; od -An -tx1 -j1080 -N2 i; mkdosfs i; od -An -c -j54 -N8 i; mkswap i | head -c 20; od -An -c -j4086 -N10 i; fdisk -l i | head -2",
  },
  {
    name: "hostid-uptime",
    script:
      "hostid | wc -c; uptime | wc -l; who; last; echo $?; linux64 echo 64; ash -c 'echo ash'; logname > /dev/null 2>&1; echo $?; rpm2cpio < /dev/null; echo $?; rpm -qp /etc/passwd; echo $?; dpkg-deb -c /etc/passwd; echo $?; crontab -h 2>&1 | wc -l; ar -t /etc/passwd; echo $?",
  },
];

/** The shell itself. */
export const shell: Command[] = [
  {
    name: "pipelines",
    script:
      "seq 100 | grep 7 | sort -rn | head -n 3 | tr '\\n' ' '; echo; false | true; echo $?; set -o pipefail; false | true; echo $?",
  },
  { name: "long-pipeline", script: "seq 2000 | cat | cat | cat | cat | cat | cat | cat | cat | tail -n 1" },
  {
    name: "redirections",
    script:
      "echo out > f; echo err >&2 2> g; echo more >> f; cat < f; { echo a; echo b >&2; } > h 2>&1; cat h; echo x 2>&- ; cat <&- ; exec 5> five; echo to5 >&5; exec 5>&-; cat five",
  },
  {
    name: "here-documents",
    script:
      "cat <<EOF\nvalue $((1+2)) $HOME\nEOF\ncat <<'EOF'\nraw $HOME\nEOF\ncat <<-EOF\n\tindented\n\tEOF\ncat <<A <<B\nfirst\nA\nsecond\nB",
  },
  {
    name: "variables",
    script:
      "x=abc; echo ${x} ${#x} ${y:-default} ${x%c} ${x#a} ${x/b/B} ${x:1:1}; y=${z:=set}; echo $y $z; unset x; echo ${x-unset} ${x+set}; p=/a/b/c.d; echo ${p##*/} ${p%.*} ${p%%/b*}",
  },
  {
    name: "quoting",
    script:
      "a='x  y'; echo $a; echo \"$a\"; echo '$a'; echo \"\\$a \\\"q\\\"\"; echo a\\ b; printf '<%s>' \"a b\" c; echo; set -- 'one two' three; printf '[%s]' \"$@\"; printf '[%s]' $*; printf '[%s]' \"$*\"; echo",
  },
  {
    name: "arithmetic",
    script:
      "echo $((2+3*4)) $((7/2)) $((-7%3)) $((1<<40)) $((0x1f)) $((017)) $((5>3?10:20)); i=5; : $((i+=3)); echo $i $((i++)) $i $((~0)) $((2**10)) $((9223372036854775807+1)); echo $((1/0)); echo after",
  },
  {
    name: "conditions",
    script:
      "if true; then echo yes; else echo no; fi; if [ a = b ]; then :; elif [ 1 ]; then echo elif; fi; case foo in f*) echo star;; *) echo no;; esac; case x in a|x) echo or;; esac; [[ abc == a* ]] && echo match",
  },
  {
    name: "loops",
    script:
      "for i in 1 2 3; do [ $i = 2 ] && continue; echo $i; done; while :; do break; done; n=0; until [ $n -ge 3 ]; do n=$((n+1)); done; echo $n; for f; do echo $f; done; i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; echo $i",
  },
  {
    name: "functions",
    script:
      'f() { echo "f got $1 of $#"; return 3; }; f x y; echo $?; g() { local v=in; echo $v; }; v=out; g; echo $v; fact() { [ $1 -le 1 ] && echo 1 || echo $(($1 * $(fact $(($1-1))))); }; fact 10',
  },
  {
    name: "subshells",
    script:
      "x=1; (x=2; cd /; echo $x); echo $x; y=$(echo $(echo nested)); echo $y; { x=3; }; echo $x; (exit 7); echo $?; echo `echo back`; pwd | sed 's/.*\\///'",
  },
  {
    name: "background",
    script:
      "sleep 0.1 & p=$!; wait $p; echo done $?; (sleep 0.05; exit 4) & wait $!; echo $?; for i in 1 2 3; do (sleep 0.0$i; echo $i >> f) & done; wait; sort f",
  },
  {
    name: "wait-many",
    script:
      "for i in $(seq 20); do (exit $i) & done; wait; echo all; (exit 9) & a=$!; (exit 8) & b=$!; wait $b; echo $?; wait $a; echo $?; wait 999999; echo $?",
  },
  {
    name: "trap",
    script:
      "trap 'echo exiting' EXIT; trap 'echo usr1' USR1; kill -USR1 $$; trap '' TERM; kill $$; echo survived; trap - USR1; (trap 'echo sub' EXIT); exit 5",
  },
  { name: "trap-wait", script: "trap 'echo caught; exit 3' TERM; (sleep 0.1; kill $$) & while :; do sleep 0.02; done" },
  {
    name: "signals-status",
    script:
      "sh -c 'kill -SEGV $$'; echo $?; sh -c 'kill -ABRT $$'; echo $?; sh -c 'exit 300'; echo $?; nosuchcommand; echo $?; touch noexec; ./noexec; echo $?; ./absent; echo $?; /tmp; echo $?",
  },
  {
    name: "globbing",
    script:
      "touch a1 a2 b1 .hid 'sp ace'; echo *; echo a*; echo [ab]1; echo ?2; echo *.none; echo .h*; set -f; echo *; set +f; for f in *; do echo \"<$f>\"; done; echo {a,b}c",
  },
  { name: "set-options", script: "set -e; true; sh -c 'set -e; false; echo not'; echo $?; " },
  {
    name: "set-options-2",
    script:
      "set -u; echo ${unset_thing:-ok}; sh -c 'set -u; echo $nope' ; echo $?; set -x; : traced; set +x; set -- a b c; shift; echo $# $1; echo $-  | tr -d 'imshc'",
  },
  {
    name: "read",
    script:
      'while IFS=: read -r user x uid rest; do echo "$user=$uid"; done < /etc/passwd; echo \'a b c\' | { read x y; echo "$y"; }; read -r line; echo "<$line>"; printf \'no newline\' | { read v; echo "$v $?"; }',
    stdin: "  spaced \\ line\nnext\n",
  },
  {
    name: "eval-exec",
    script:
      "c='echo evaluated; x=5'; eval \"$c\"; echo $x; (exec echo replaced); exec 3< /etc/passwd; read l <&3; echo $l; echo 'echo sourced $1' > s.sh; . ./s.sh arg; command -v cd echo | head -n 1; type cd; exec sh -c 'exit 6'",
  },
  {
    name: "scripts",
    script:
      "printf '#!/bin/sh\\necho script $0 $1 $#\\nexit 4\\n' > s; chmod +x s; ./s one two; echo $?; printf 'echo no shebang\\n' > t; chmod +x t; ./t; printf '#!/absent/sh\\n' > u; chmod +x u; ./u; echo $?; sh -n s && echo syntax",
  },
  {
    name: "syntax-errors",
    script: "sh -c 'if true'; echo $?; sh -c 'echo )'; echo $?; sh -c 'for'; echo $?; sh -c \"echo 'open\"; echo $?",
  },
  {
    name: "parameters",
    script:
      'set -- a \'b c\' d; for i in "$@"; do echo "$i"; done; echo $# ${2}; shift 2; echo $1; f() { echo $# $@; }; f; f 1 2; getopts ab: o -b val; echo $o $OPTARG; while getopts xy o -x -y; do echo opt $o; done',
  },
  {
    name: "command-substitution",
    script:
      'x=$(printf \'a\\n\\n\'); echo "[$x]"; echo "$(cat <<E\nin heredoc\nE\n)"; n=$(seq 1000 | wc -l); echo $((n+1)); echo $(false) $?; y=$(exit 3); echo $?; for i in $(echo 1 2 3); do printf $i; done; echo',
  },
  {
    name: "and-or-lists",
    script:
      "true && echo a || echo b; false && echo c || echo d; ! true; echo $?; true; false; echo $?; { false || true; } && echo e; if ! false; then echo f; fi; : | false | :; echo $?",
  },
  {
    name: "cd-pwd",
    script:
      "mkdir -p a/b; cd a/b; cd ..; basename $(pwd); cd - > /dev/null; basename $PWD; cd /nope; echo $?; ln -s a l; cd ../..; cd l 2> /dev/null; cd; pwd; CDPATH=/; cd bin; pwd",
  },
  {
    name: "umask-ulimit",
    script:
      "umask; umask 077; touch f; stat -c %a f; umask u=rwx,g=rx,o=; umask; ulimit -n > /dev/null && echo n; ulimit -c",
  },
  {
    name: "interleaved",
    script:
      "for i in $(seq 30); do echo $i; done | while read n; do echo $((n*n)); done | (read a; read b; echo $a $b; cat | tail -n 1)",
  },
  {
    name: "many-processes",
    script:
      "i=0; while [ $i -lt 60 ]; do /bin/true; i=$((i+1)); done; echo $i; for j in $(seq 30); do echo $j | cat > /dev/null; done; echo ok",
  },
  {
    name: "deep-recursion",
    script:
      "f() { [ $1 -eq 0 ] && return; f $(($1-1)); }; f 200; echo deep; g() { (if [ $1 -gt 0 ]; then g $(($1-1)); else echo bottom; fi) }; g 15",
  },
  {
    name: "fd-juggling",
    script:
      'exec 3>&1; out=$( { echo to-var; echo to-out >&3; } ); exec 3>&-; echo "got $out"; { echo 1; echo 2 >&2; } 2>&1 >/dev/null | cat; (echo a; exec >&2; echo b) 2> e; cat e; echo hi | tee /dev/stderr 2>&1 | cat',
  },
  {
    name: "environment",
    script:
      "A=1 sh -c 'echo $A'; echo ${A:-none}; export B=2; sh -c 'echo $B'; B=3 env | grep ^B; unset B; sh -c 'echo [$B]'; readonly R=1; (R=2) 2>&1 | cat; echo after; IFS=,; x=a,b,c; set -- $x; echo $#",
  },
  { name: "sigpipe", script: "yes | head -n 1; (yes; echo $? >&2) 2> s | head -n 1; cat s; seq 100000 | head -n 1" },
  {
    name: "job-control-kill",
    // As in kill-signals.
    script:
      "exec 2> /dev/null; sleep 100 & a=$!; sleep 100 & b=$!; kill $a $b; wait $a; echo $?; wait $b; echo $?; (while :; do :; done) & c=$!; kill -9 $c; wait $c; echo $?",
  },
];
