// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${x} is the shell's here
/**
 * What Debian's dynamically linked programs are asked to do: each entry is a script for `bash -c`, run in an empty directory
 * of tools/guest-root's root. Output, errors and exit code must be those of the same root under qemu, so nothing here may
 * print times, process ids, addresses or inode numbers.
 */
export interface Case {
  /** The program that it is about, and its name: "sed/substitute". */
  name: string;
  script: string;
  stdin?: string;
  /** Its duration in seconds under qemu-riscv64 7.2 where it takes long: such cases are bench figures, too. */
  seconds?: number;
  /** Runs in Chromium, too. */
  chromium?: true;
}

const lines = (n: number) =>
  Array.from({ length: n }, (_, i) => `${i}\tword${(i * 7919) % 1009}\t${(i * i) % 97}\n`).join("");

export const cases: Case[] = [
  {
    name: "bash/language",
    chromium: true,
    script:
      'declare -A m=([a]=1 [b]=2); for k in "${!m[@]}"; do echo "$k=${m[$k]}"; done | sort; x=hello; echo "${x^^} ${x/l/L} ${#x} ${x: -3}"; [[ abc123 =~ ^([a-z]+)([0-9]+)$ ]] && echo "${BASH_REMATCH[@]}"; printf "%05d|%-6s|%x\\n" 42 ab 255; echo $((2**40 % 1000003)) {1..5}{a,b}',
  },
  {
    name: "bash/functions",
    chromium: true,
    script:
      'f() { local a=$1; ((a <= 1)) && { echo 1; return; }; echo $(( a * $(f $((a-1))) )); }; f 12; set -- a "b c" d; for i in "$@"; do echo "<$i>"; done; echo "${@:2}"; shopt -s extglob; case foo.tar.gz in *.@(gz|xz)) echo archive;; esac',
  },
  {
    name: "bash/substitution",
    chromium: true,
    script:
      "diff <(printf '1\\n2\\n3\\n') <(printf '1\\n4\\n3\\n'); cat <<< \"here $(echo nested $(echo twice))\"; mapfile -t a < <(seq 5); echo ${#a[@]} ${a[-1]}; exec 5>f; echo five >&5; exec 5>&-; cat f; read -r -d: x <<< 'a:b'; echo $x",
  },
  {
    name: "bash/jobs",
    chromium: true,
    script:
      "sleep 0.1 & p=$!; wait $p; echo $?; (exit 7) & wait $!; echo $?; trap 'echo got term' TERM; kill -TERM $$; trap 'echo bye' EXIT; set -o pipefail; false | true; echo $?; coproc cat; echo hi >&${COPROC[1]}; read -r l <&${COPROC[0]}; echo $l; exec {COPROC[1]}>&-; wait",
  },
  {
    name: "bash/errors",
    script:
      "nosuchcommand; echo $?; /etc/passwd; echo $?; cd /nope; cat < /nope; echo $?; $(exit 3); echo $?; (bash -c 'kill -SEGV $$'; exit $?) 2> /dev/null; echo $?; set -u; echo $undefined",
  },
  {
    name: "bash/unicode",
    script:
      'x="grüße, 世界"; echo "${#x} ${x^^}"; printf "%q\\n" "$x"; [[ ü == [[:alpha:]] ]] && echo alpha; echo "$x" | LC_ALL=C wc -c; locale -a',
  },
  { name: "bash/fork-many", script: "for i in $(seq 60); do x=$(/bin/echo $i); s=$((s + x)); done; echo $s" },
  {
    name: "dash/language",
    script:
      "dash -c 'i=0; while [ $i -lt 5 ]; do i=$((i+1)); echo $i; done; echo ${HOME#/} ${0}; set -- x y; shift; echo $1; cat <<E\nbody $i\nE\ntrap \"echo out\" 0; exit 3'; echo $?",
  },
  {
    name: "dash/sh-is-dash",
    script:
      "readlink /bin/sh; sh -c 'echo $((0x10)) $PPID' | cut -d' ' -f1; echo 'echo script $1; exit 4' > s; sh s arg; echo $?",
  },
  {
    name: "coreutils/text",
    script:
      "seq 30 | paste -sd, | fold -w 20; printf 'b 2\\na 1\\nc 3\\n' > x; sort x | tee y | tac; join <(sort x) y; comm -12 y y; cut -d' ' -f2 x; tr a-z A-Z < x; nl x; head -c 3 x | od -c; expand -t4 <<< $'a\\tb'; uniq -c <<< $'a\\na\\nb'; shuf -n0 x; numfmt --to=iec 123456789; tsort <<< 'a b b c'",
  },
  {
    name: "coreutils/sums",
    script:
      "seq 100000 > f; md5sum f; sha1sum f; sha256sum f; sha512sum f | cut -c1-40; b2sum f | cut -c1-40; cksum f; sum f; base64 -w0 <<< hello; base32 <<< hello; sha256sum f > s; sha256sum -c s",
  },
  {
    name: "coreutils/files",
    script:
      "mkdir -p a/b; echo 1 > a/f; ln -s f a/l; cp -a a c; ls -R c; mv c d; rm -r a; stat -c '%n %s %a %F' d/f d/l d; du -b d/f; touch -d 2001-02-03T04:05:06Z d/f; date -u -r d/f +%FT%T; install -m 640 d/f e; stat -c %a e; truncate -s 1M big; stat -c '%s %b' big; dd if=/dev/zero of=z bs=1k count=3 status=none; wc -c z; realpath d/l; readlink -f d/l; mktemp -u XXXXXX | wc -c; df . | wc -l; chmod u+s e; ls -l e | cut -c1-10",
  },
  {
    name: "coreutils/misc",
    script:
      "expr 6 \\* 7; factor 1234567890; printf '%s %d\\n' x 7; env -i A=1 env; nproc > /dev/null; basename /a/b.c .c; dirname /a/b; test -d /etc && echo dir; id -u; id -un root; whoami; tty; true; false; echo $?; timeout 0.1 sleep 5; echo $?; nice -n 5 nice; seq -f %03g 3; date -u -d @86400 +%c; uname -sm; pwd; sleep 0; yes | head -2; stdbuf -oL echo buf; arch; logname 2>&1 | wc -l",
  },
  {
    name: "coreutils/sort",
    seconds: 1.1,
    script:
      "seq 40000 | awk '{print ($1*7919)%200003, $1}' > f; sort -n f | md5sum; sort -k2,2r f | md5sum; sort -u -k1.3,1.4 f | wc -l",
  },
  {
    name: "findutils/find",
    script:
      "mkdir -p a/b/c; touch a/1.c a/b/2.c a/b/c/3.h; find a -name '*.c' | sort; find a -type d -printf '%P %d\\n' | sort; find a -type f -exec echo got {} + | tr ' ' '\\n' | sort; find a -empty | wc -l; find a -newer a/1.c -o -name 3.h | sort | tail -1; find a -delete; ls",
  },
  {
    name: "findutils/xargs",
    script:
      "seq 20 | xargs -n 6 echo; printf 'a b\\0c' | xargs -0 -I{} echo '<{}>'; seq 4 | xargs -P 2 -n 1 sh -c 'exit 0'; echo x | xargs false; echo $?",
  },
  {
    name: "grep/basic",
    stdin: lines(200),
    script:
      "tee f | grep -c word1; grep -n 'word10[0-9]' f | head -3; grep -E '(12|34)$' f | wc -l; grep -o 'word[0-9]*' f | sort | uniq | wc -l; grep -v word f; echo $?; grep -F 'word7' -m2 f; grep -rl word .; grep -i WORD99 f; grep -A1 -B1 -w 50 f | head; grep x /nope",
  },
  {
    name: "grep/pcre",
    stdin: lines(300),
    script:
      "grep -P '^(\\d+)\\t(?=word1\\d\\d\\b)' | head -5; echo 'foobar foobaz' | grep -oP 'foo(?!bar)\\w+'; printf 'grüße\\n' | grep -P '\\p{Ll}ü'; echo aaa | grep -P '(a)\\1\\1' ; echo x | grep -P '('; echo $?",
  },
  {
    name: "sed/basic",
    stdin: lines(40),
    script:
      "tee f | sed -n '3,5p;$='; sed -E 's/^([0-9]+)\\t(.*)$/\\2:\\1/;5q' f; sed '1!G;h;$!d' f | tail -2; sed -i.bak 's/word/W/g' f; head -1 f f.bak; sed -e '/W1/d' -e 'y/W/w/' f | wc -l; sed -n '/nope/,$p' f; sed --posix 's/a/b/w out' <<< a; cat out; sed 's/(/' f; sed -z 's/\\n/,/g' <<< $'a\\nb'",
  },
  {
    name: "gawk/basic",
    stdin: lines(300),
    script:
      'gawk -F\'\\t\' \'{s+=$3; c[$3]++} END {print s, length(c); PROCINFO["sorted_in"]="@ind_num_asc"; n=0; for (k in c) {print k, c[k]; if (++n==5) break}}\'; awk \'BEGIN {printf "%.6f %s %d\\n", atan2(0,-1), toupper("abc"), 3.9; print substr("hello",2,3), index("abc","c"), gensub(/(a)(b)/,"\\\\2\\\\1","g","abab"); print strftime("%Y",0,1); "echo from" | getline x; print x; print systime() > 1000}\'; awk \'BEGIN{exit 3}\'; echo $?',
  },
  {
    name: "gawk/generated",
    seconds: 2.4,
    script:
      'gawk \'BEGIN { srand(1); for (i = 0; i < 60000; i++) { k = "key" (i * 7919) % 5003; c[k]++; s = s substr(k, 4, 1); if (length(s) > 200) s = "" } n = asorti(c, o); for (i = 1; i <= 5; i++) print o[i], c[o[i]]; print n, length(s) }\'; seq 40000 | gawk \'{ gsub(/[13]/, "x"); t += length($0) } /xx/ { m++ } END { print t, m }\'',
  },
  {
    name: "tar/basic",
    script:
      "mkdir -p d/e; echo 1 > d/f; ln -s f d/l; ln d/f d/h; chmod 640 d/f; tar --sort=name --owner=0 --group=0 --mtime=@0 -cf t.tar d; tar tf t.tar | sort; tar -tvf t.tar d/f | cut -c1-10; mkdir x; tar xf t.tar -C x; ls -R x; for z in z J; do tar --sort=name -c${z}f t.tz d && tar -xOf t.tz d/f; done; tar --sort=name --zstd -cf t.zst d && tar xOf t.zst d/f; tar xf /nope; echo $?",
  },
  {
    name: "gzip/round-trip",
    seconds: 1.5,
    script:
      "seq 100000 > f; sha256sum < f; gzip -k9 f; gzip -l f.gz | tail -1; gzip -t f.gz; gunzip -c f.gz | cmp - f && echo same; zcat f.gz | tail -1; zgrep -c 99 f.gz; gzip -d < /etc/passwd",
  },
  {
    name: "xz-utils/round-trip",
    seconds: 2.5,
    script:
      "seq 8000 > f; xz -k f; xz -t f.xz; xz -dc f.xz | cmp - f && echo same; xz --robot -l f.xz | grep ^totals | cut -f4-6; xz -T2 -c f | xz -dc | md5sum; xz -d < /etc/passwd; echo $?",
  },
  {
    name: "zstd/round-trip",
    seconds: 1.2,
    script:
      "seq 40000 > f; zstd -q -k f; zstd -q -t f.zst; zstd -dqc f.zst | cmp - f && echo same; zstd -q -12 -c f | zstd -dqc | md5sum; zstd -q -T2 -c f | zstd -dc -q | md5sum; zstd -dq < /etc/passwd; echo $?",
  },
  {
    name: "jq/basic",
    script:
      "echo '{\"a\":[1,2,{\"b\":\"x\\u00fc\"}],\"c\":null,\"d\":1.5e10}' > j; jq . j; jq -c '.a[2]|keys' j; jq -r '.a[]|tostring' j; jq '[.a[]|numbers]|add' j; jq -n '[range(5)]|map(.*.)|tojson'; jq -r '@base64 \"x\\(.d)\"' j; jq 'test(\"[a-z]\")' <<< '\"abc\"'; jq -S . <<< '{\"z\":1,\"a\":2}'; echo '{' | jq .; echo $?; jq -n '1,2|select(.>1)'; jq --arg v 5 -n '$v|tonumber+1'",
  },
  {
    name: "jq/reduce",
    seconds: 1.5,
    script:
      "jq -n '[range(12000)] | map({k: (.%97|tostring), v: .}) | group_by(.k) | map({key: .[0].k, value: (map(.v)|add)}) | from_entries | to_entries | sort_by(.value) | .[:3] | tojson'",
  },
  {
    name: "bc/basic",
    script:
      "echo '2^200; scale=30; 4*a(1); sqrt(2); e(1); ibase=16; FF; obase=2; 5' | bc -l; echo '1/0' | bc; echo 'define f(n){if(n<2)return 1;return n*f(n-1)} f(30)' | bc -q",
  },
  {
    name: "bc/digits",
    seconds: 1.3,
    script: "echo 'scale=400; 4*a(1)' | BC_LINE_LENGTH=0 bc -l | md5sum; echo '3^20000 % (10^50)' | bc",
  },
  {
    name: "lua5.4/language",
    chromium: true,
    script:
      "cat > t.lua <<'E'\nlocal t = setmetatable({}, {__index=function(_, k) return k .. '!' end})\nprint(t.x, #'abc', 7 // 2, 7 / 2, 1 << 40, math.maxinteger, 0.1 + 0.2, 1e100, 2^53)\nlocal co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i * i) end end)\nprint(co(), co(), co())\nprint(string.format('%5.2f|%q|%x', math.pi, 'a\\nb', 255), ('abc'):rep(3, '-'), ('hello'):gsub('l', 'L'))\nprint(pcall(error, {1})) print(select('#', table.unpack({1, 2, nil, 4}, 1, 4)))\nlocal f <close> = setmetatable({}, {__close=function() print('closed') end})\nfor w in ('one two'):gmatch('%a+') do io.write(w, ';') end print()\nio.open('f', 'w'):write('x'):close() print(io.open('f'):read('a'), os.getenv('HOME'), utf8.len('grüße'))\nE\nlua5.4 t.lua | sed 's/table: .*/table/'; lua5.4 -e 'error(\"boom\", 0)'; echo $?; lua5.4 -v",
  },
  {
    name: "lua5.4/loops",
    seconds: 1.5,
    chromium: true,
    script:
      "lua5.4 -e 'local s = 0; for i = 1, 2500000 do s = (s * 31 + i) % 1000003 end print(s); local t = {} for i = 1, 60000 do t[i] = (i * 7919) % 200003 end table.sort(t) print(t[1], t[#t]); local p = {} for i = 1, 60000 do p[#p + 1] = tostring(i) end print(#table.concat(p))'",
  },
  {
    name: "perl/language",
    script:
      'perl -e \'use strict; my %h = map { $_ => length } qw(one three five); print join(",", map {"$_=$h{$_}"} sort keys %h), "\\n"; printf "%s %.3f %b\\n", "x" x 3, 22/7, 10; my $s = "The quick brown fox"; (my $r = $s) =~ s/(\\w+)/\\u\\L$1/g; print "$r ", scalar reverse($s), "\\n"; local $@; eval { die {code => 5} }; print $@->{code}, "\\n"; print sprintf("%vd", "1.22.333"), " ", ~~("aXbXc" =~ tr/X//), "\\n"; open my $f, "<", "/etc/passwd"; my @l = <$f>; print scalar(@l), " $l[0]"; print `echo sub`; exit 9\'; echo $?; perl -MList::Util=sum -MPOSIX=floor -MData::Dumper -e \'$Data::Dumper::Sortkeys=1; print sum(1..10), floor(-1.5), Dumper({a=>[1,2],b=>undef})\'; perl -pe \'s/root/ROOT/\' /etc/passwd | head -1; perl -e \'die "bad\\n"\'; perl -Mutf8 -CS -e \'print ucfirst("éa"), "\\n"\'; perl -e \'my $p = fork; if (!$p) { exit 3 } waitpid $p, 0; print $? >> 8, "\\n"\'',
  },
  {
    name: "perl/regex",
    seconds: 2.0,
    script:
      'perl -e \'my $t = ""; for (1 .. 60000) { $t .= "user" . ($_ * 7919 % 1009) . "\\@host" . ($_ % 13) . ".example; " } my %c; $c{$2}++ while $t =~ /(\\w+)@(host\\d+)\\.example/g; print "$_ $c{$_}\\n" for sort keys %c; my $n = () = $t =~ /r(?=1\\d*5)/g; print "$n\\n"; $t =~ s/(\\d+)/$1+1/ge; print length($t), "\\n"\'',
  },
  {
    name: "sqlite3/basic",
    chromium: true,
    script:
      "sqlite3 db 'create table t(a integer primary key, b text, c real); insert into t(b,c) values (\"x\", 1.5), (\"y\", 2.5), (null, 3); select * from t; select sum(c), group_concat(b), avg(a) from t; create index i on t(b); explain query plan select * from t where b = 1;'; sqlite3 -header -csv db 'select * from t order by c desc'; sqlite3 -json db 'select a, b from t'; sqlite3 db 'pragma integrity_check; pragma journal_mode=wal; insert into t(b) values (9); select count(*) from t; with recursive f(n, a, b) as (select 1, 0, 1 union all select n+1, b, a+b from f where n < 50) select b from f where n = 50;'; ls; sqlite3 db 'select nope'; echo $?; sqlite3 db .schema .dump | head -4",
  },
  {
    name: "sqlite3/inserts",
    seconds: 2.0,
    chromium: true,
    script:
      "sqlite3 db 'create table t(a integer primary key, k text, v real); begin; with recursive n(i) as (select 1 union all select i+1 from n where i < 25000) insert into t select i, printf(\"key%05d\", (i*7919)%5003), i*0.5 from n; commit; create index k on t(k); select k, count(*), sum(v) from t group by k order by 2 desc, 1 limit 3; select count(*) from t a join t b on a.k = b.k where a.a < 500; delete from t where a % 3 = 0; vacuum; select count(*), max(v) from t;'; stat -c %s db",
  },
  {
    name: "python3/language",
    chromium: true,
    script:
      "cat > t.py <<'E'\nimport sys, os, json, re, collections, itertools, functools, hashlib, struct, math, datetime, decimal\nprint(sys.implementation.name, sys.byteorder, sys.maxsize, os.uname().machine, sys.argv[1:])\nprint(json.dumps({'b': [1, 2.5, None], 'a': 'ü'}, sort_keys=True), re.findall(r'(\\w)(\\d+)', 'a1 b22'))\nprint(collections.Counter('mississippi').most_common(2), list(itertools.permutations('abc', 2))[:3], functools.reduce(lambda a, b: a * b, range(1, 26)))\nprint(hashlib.sha256(b'x').hexdigest()[:16], struct.pack('<Hd', 7, 1.5).hex(), math.sqrt(2), 2 ** 200, datetime.date(2024, 2, 29).isoformat(), decimal.Decimal(1) / 7)\nclass A:\n    def __init__(self): self.x = 1\n    def __repr__(self): return f'A({self.x})'\nprint([A() for _ in range(2)], f'{3.14159:.2f} {255:#x} {1234567:,}', 'grüße'.encode())\nwith open('f', 'w') as f: f.write('hello\\n')\nprint(open('f').read(), os.path.exists('f'), sorted(os.listdir('.')))\ntry: 1 / 0\nexcept ZeroDivisionError as e: print('caught', e)\nE\npython3 t.py x y; python3 -c 'raise SystemExit(4)'; echo $?; python3 -c 'nope'; echo 'print(6*7)' | python3",
  },
  {
    name: "python3/processes",
    chromium: true,
    script:
      "cat > t.py <<'E'\nimport subprocess, threading, queue, os, signal, time, tempfile, socket, select\nprint(subprocess.run(['sh', '-c', 'echo out; echo err >&2; exit 3'], capture_output=True))\nq = queue.Queue()\nts = [threading.Thread(target=lambda i=i: q.put(i * i)) for i in range(8)]\n[t.start() for t in ts]; [t.join() for t in ts]\nprint(sorted(q.get() for _ in range(8)))\nr, w = os.pipe()\nif os.fork() == 0:\n    os.write(w, b'from child'); os._exit(5)\nprint(os.read(r, 100), os.waitstatus_to_exitcode(os.wait()[1]))\nsignal.signal(signal.SIGALRM, lambda *a: print('alarm'))\nsignal.setitimer(signal.ITIMER_REAL, 0.02); time.sleep(0.1)\nwith tempfile.TemporaryDirectory() as d: print(os.path.isdir(d))\np = subprocess.Popen(['sort', '-r'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)\nprint(p.communicate('a\\nb\\n'))\nE\npython3 t.py",
  },
  {
    name: "python3/sockets",
    script:
      "cat > t.py <<'E'\nimport asyncio, http.server, multiprocessing, socket, threading, urllib.request\na, b = socket.socketpair()\na.sendall(b'hi')\nprint(b.recv(10))\nasync def handle(r, w):\n    w.write(b'echo ' + await r.readline())\n    await w.drain()\n    w.close()\nasync def main():\n    for kind in ('tcp', 'unix'):\n        if kind == 'tcp':\n            s = await asyncio.start_server(handle, '127.0.0.1', 0)\n            r, w = await asyncio.open_connection(*s.sockets[0].getsockname())\n        else:\n            s = await asyncio.start_unix_server(handle, 'sock')\n            r, w = await asyncio.open_unix_connection('sock')\n        w.write(kind.encode() + b'\\n')\n        print(await r.readline(), await r.read())\n        w.close()\n        s.close()\n    p = await asyncio.create_subprocess_exec('tr', 'a-z', 'A-Z', stdin=-1, stdout=-1)\n    print(await p.communicate(b'loud'))\nclass Handler(http.server.BaseHTTPRequestHandler):\n    def do_GET(self):\n        self.send_response(200)\n        self.end_headers()\n        self.wfile.write(self.path.encode())\n    def log_message(self, *args): pass\nif __name__ == '__main__':\n    asyncio.run(main())\n    with multiprocessing.Manager() as m:\n        d = m.dict(a=1)\n        d['b'] = 2\n        print(dict(d))\n    s = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)\n    threading.Thread(target=s.serve_forever, daemon=True).start()\n    print(urllib.request.urlopen(f'http://127.0.0.1:{s.server_port}/x?y').read())\nE\npython3 t.py",
  },
  {
    name: "python3/dlopen",
    script:
      'python3 -c \'import ctypes, _ctypes, sqlite3, zlib, lzma, bz2, ssl; libc = ctypes.CDLL(None); print(libc.abs(-5), ctypes.CDLL("libm.so.6").abs(-3)); c = sqlite3.connect(":memory:"); print(c.execute("select 6*7").fetchone(), zlib.crc32(b"x"), len(lzma.compress(b"a" * 1000)) > 0, len(bz2.compress(b"a")) > 0)\ntry: ctypes.CDLL("libnope.so")\nexcept OSError as e: print(e)\'',
  },
  {
    name: "python3/computing",
    seconds: 2.5,
    chromium: true,
    script:
      'python3 -c \'def sieve(n):\n    s = bytearray([1]) * (n + 1)\n    for i in range(2, int(n ** .5) + 1):\n        if s[i]: s[i * i::i] = bytes(len(s[i * i::i]))\n    return sum(s) - 2\nprint(sieve(200000))\nd = {}\nfor i in range(150000):\n    k = i * 7919 % 10007\n    d[k] = d.get(k, 0) + i\nprint(len(d), max(d.values()))\nimport json\nx = [{"id": i, "v": [i, str(i)]} for i in range(8000)]\nprint(len(json.dumps(json.loads(json.dumps(x)))))\ndef fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\nprint(fib(21), sum(x * x % 7 for x in range(100000)))\'',
  },
  {
    name: "nodejs/child-processes",
    script:
      "cat > t.js <<'E'\nconst { execSync, fork, spawn } = require('child_process');\nif (process.argv[2] === 'child') {\n  process.on('message', (m) => { process.send({ got: m }); process.disconnect(); });\n} else {\n  console.log(execSync('echo out; exit 0').toString().trim());\n  const shell = spawn('sh', ['-c', 'cat; exit 3'], { stdio: ['pipe', 'pipe', 'inherit'] });\n  shell.stdout.on('data', (d) => console.log(`shell: ${d}`));\n  shell.stdin.end('input');\n  shell.on('close', (code) => {\n    console.log('closed', code);\n    const child = fork(__filename, ['child']);\n    child.on('message', (m) => console.log('message', m));\n    child.send({ a: [1, 'two'] });\n    child.on('exit', (code) => {\n      console.log('exit', code);\n      const http = require('http');\n      const server = http.createServer((q, r) => r.end(`${q.method} ${q.url}`)).listen(0, '127.0.0.1', () => {\n        http.get({ host: '127.0.0.1', port: server.address().port, path: '/p', agent: false }, (r) => {\n          r.on('data', (d) => console.log(r.statusCode, d.toString()));\n          r.on('end', () => server.close());\n        });\n      });\n    });\n  });\n}\nE\nnode t.js",
  },
  {
    name: "nodejs/compiled-code",
    seconds: 4.5,
    // V8 writes code, runs it, throws it away when its guesses fail, and changes pages between writable and executable.
    script: "node -p 1; node - a b; echo $?",
    stdin: String.raw`
const fib = (n) => (n < 2 ? n : fib(n - 1) + fib(n - 2));
let h = 0;
for (let r = 0; r < 20; r++) for (let i = 0; i < 20000; i++) h = (Math.imul(h, 31) + i * r) | 0;
console.log(process.arch, process.argv.slice(2), fib(24), h);
const add = (a, b) => a + b;
let s = 0;
for (let i = 0; i < 50000; i++) s = add(s, i);
console.log(s, add("a", 1), add([], {}));
console.log(new Function("x", "return x * 3n")(14n), /(\w+)\s(?<second>\p{L}+)/u.exec("abc wörld").groups.second);
const bytes = [0,97,115,109,1,0,0,0,1,7,1,96,2,127,127,1,127,3,2,1,0,7,7,1,3,97,100,100,0,0,10,9,1,7,0,32,0,32,1,106,11];
const wasm = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(bytes)));
console.log(wasm.exports.add(40, 2), require("crypto").createHash("sha256").update("abc").digest("hex").slice(0, 16));
const fs = require("fs");
fs.writeFileSync("x.json", JSON.stringify({ a: [1, { b: "ü" }] }));
console.log(JSON.parse(fs.readFileSync("x.json", "utf8")).a[1].b, fs.readdirSync("."));
const { Worker } = require("worker_threads");
new Worker("require('worker_threads').parentPort.postMessage(6*7)", { eval: true })
  .on("message", (m) => console.log("worker", m))
  .on("exit", (code) => setTimeout(() => process.exit(code + 3), 5));
`,
  },
  {
    name: "loader/missing-library",
    script:
      "cp /bin/jq . ; LD_LIBRARY_PATH=/nope LD_PRELOAD=/nope/x.so /bin/true; echo $?; sed 's/libjq[.]so/libjx.so/g' jq > jx; chmod +x jx; ./jx; echo $?",
  },
  {
    name: "loader/direct",
    script:
      "/lib/ld-linux-riscv64-lp64d.so.1 /bin/echo by loader; /lib/ld-linux-riscv64-lp64d.so.1 --list /bin/echo | sed 's/ (0x.*//' | grep -v vdso; LD_BIND_NOW=1 /bin/echo now; LD_TRACE_LOADED_OBJECTS=1 /bin/true | grep -c libc.so.6; /lib/ld-linux-riscv64-lp64d.so.1 /nope; echo $?",
  },
  {
    name: "etc/files",
    script:
      "getent passwd root daemon; getent group 0; cat /etc/hostname /etc/debian_version; . /etc/os-release; echo $ID; ls /etc/alternatives | head -2; TZ=Europe/Berlin date -d @0 +%H%Z",
  },
];
