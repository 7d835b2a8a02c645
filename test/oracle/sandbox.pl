#!/usr/bin/perl
# The first process of the oracle's sandbox: it makes a root of its own, runs one program in it and reports how that ended.
# Runs as root of a fresh user namespace with fresh mount, pid, ipc, net and uts namespaces (oracle/sandbox.ts), so nothing
# here changes the machine. Arguments: state folder, lower root or "-", emulator or "-", working folder, number of
# environment strings, these strings, then NAME=HOSTPATH pairs to "--", then the program's path and arguments.
# Descriptor 3: one line "exit N" or "signal N" when the program has ended, "error TEXT" when it could not start.
use strict;
use warnings;
use POSIX ();

open(my $report, '>&=', 3) or die;
fcntl($report, 2, 1);    # F_SETFD, FD_CLOEXEC
$report->autoflush(1);
sub fail { print $report "error $_[0]\n"; exit 1 }
sub mount { system('mount', @_) == 0 or fail("mount @_") }

my ($state, $lower, $emulator, $cwd, $count) = splice @ARGV, 0, 5;
my @env = splice @ARGV, 0, $count;
my @files;
push @files, shift @ARGV while @ARGV && $ARGV[0] ne '--';
shift @ARGV;

if ($emulator ne '-') {
    mount('-t', 'binfmt_misc', 'none', '/proc/sys/fs/binfmt_misc');
    my $magic = '\x7fELF\x02\x01\x01' . '\x00' x 9 . '\x02\x00\xf3\x00';
    my $mask  = '\xff' x 7 . '\x00' . '\xff' x 8 . '\xfe\xff\xff\xff';
    open(my $register, '>', '/proc/sys/fs/binfmt_misc/register') or fail("binfmt_misc: $!");
    syswrite($register, ":riscv64:M::$magic:$mask:$emulator:FP") or fail("binfmt_misc: $!");
    close $register;
}

# The network is a loopback, and that is up (SIOCSIFFLAGS, IFF_UP).
socket(my $socket, 2, 2, 0) or fail("socket: $!");
my $up = pack('a16 s x22', 'lo', 1);
ioctl($socket, 0x8914, $up) or fail("loopback: $!");
close $socket;

mount('-t', 'tmpfs', 'none', $state);
mkdir "$state/$_" for qw(upper work root);
my $root = "$state/root";
if ($lower ne '-') {
    mount('-t', 'overlay', '-o', "lowerdir=$lower,upperdir=$state/upper,workdir=$state/work,userxattr", 'none', $root);
}
mkdir "$root/$_" for qw(tmp proc dev bin etc);
mount('-t', 'tmpfs', '-o', 'mode=1777', 'none', "$root/tmp");
mount('-t', 'tmpfs', 'none', "$root/dev");
mount('-t', 'proc', 'none', "$root/proc");
for my $device (qw(null zero full random urandom tty)) {
    open(my $f, '>', "$root/dev/$device") or fail("/dev/$device: $!");
    mount('--bind', "/dev/$device", "$root/dev/$device");
}
# Where shm_open and sem_open keep their files.
mkdir "$root/dev/shm";
mount('-t', 'tmpfs', '-o', 'mode=1777', 'none', "$root/dev/shm");
# Terminals of its own, numbered from 0.
mkdir "$root/dev/pts";
mount('-t', 'devpts', '-o', 'newinstance,ptmxmode=0666,mode=0620', 'none', "$root/dev/pts");
symlink('pts/ptmx', "$root/dev/ptmx");
symlink('/proc/self/fd', "$root/dev/fd");
symlink("/proc/self/fd/$_->[1]", "$root/dev/$_->[0]") for ['stdin', 0], ['stdout', 1], ['stderr', 2];
for (@files) {
    my ($name, $from) = split /=/, $_, 2;
    (my $folder = "$root$name") =~ s{/[^/]*$}{};
    system('mkdir', '-p', $folder);
    system('cp', '--reflink=auto', $from, "$root$name") == 0 or fail("copy $from");
}

my $pid = fork() // fail("fork: $!");
if ($pid == 0) {
    chroot($root)                       or fail("chroot: $!");
    POSIX::setsid();
    unless (chdir($cwd)) { system('mkdir', '-p', $cwd); chdir($cwd) or fail("chdir $cwd: $!") }
    POSIX::close($_) for 4 .. 1023;    # whatever the caller's own caller left open
    %ENV = map { split /=/, $_, 2 } @env;
    { no warnings; exec { $ARGV[0] } @ARGV; }
    fail("exec: " . ($! + 0));
}
while ((my $done = waitpid(-1, 0)) > 0) {
    next if $done != $pid;
    print $report ($? & 127 ? "signal " . ($? & 127) : "exit " . ($? >> 8)) . "\n";
    last;
}
