// The loopback, which is all that there is of a network: as getifaddrs(3) and its like find it, as ioctl(2) tells it
// (netdevice(7)), and as rtnetlink(7) does.
#include "check.h"
#include "sockets.h"
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netpacket/packet.h>

static void library(void) {
  struct ifaddrs *all = NULL;
  GOOD("getifaddrs", getifaddrs(&all));
  int links = 0, v4 = 0, v6 = 0;
  for (struct ifaddrs *a = all; a; a = a->ifa_next) {
    if (strcmp(a->ifa_name, "lo")) continue;
    TRUE("flags", (a->ifa_flags & (IFF_UP | IFF_LOOPBACK | IFF_RUNNING)) == (IFF_UP | IFF_LOOPBACK | IFF_RUNNING));
    if (a->ifa_addr->sa_family == AF_PACKET) {
      struct sockaddr_ll *l = (void *)a->ifa_addr;
      EQ("link-index", l->sll_ifindex, 1);
      EQ("link-hardware", l->sll_hatype, ARPHRD_LOOPBACK);
      EQ("link-address", l->sll_halen, 6);
      TRUE("link-data", a->ifa_data != NULL);
      links++;
    } else if (a->ifa_addr->sa_family == AF_INET) {
      EQ("v4", ntohl(((struct sockaddr_in *)a->ifa_addr)->sin_addr.s_addr), INADDR_LOOPBACK);
      EQ("v4-mask", ntohl(((struct sockaddr_in *)a->ifa_netmask)->sin_addr.s_addr), 0xff000000);
      v4++;
    } else if (a->ifa_addr->sa_family == AF_INET6) {
      struct in6_addr ones;
      memset(&ones, 255, sizeof ones);
      TRUE("v6", !memcmp(&((struct sockaddr_in6 *)a->ifa_addr)->sin6_addr, &in6addr_loopback, 16));
      TRUE("v6-mask", !memcmp(&((struct sockaddr_in6 *)a->ifa_netmask)->sin6_addr, &ones, 16));
      v6++;
    }
  }
  EQ("links", links, 1);
  EQ("v4-addresses", v4, 1);
  EQ("v6-addresses", v6, 1);
  freeifaddrs(all);
  struct if_nameindex *names = if_nameindex();
  TRUE("if_nameindex", names && names[0].if_index == 1 && !strcmp(names[0].if_name, "lo"));
  if_freenameindex(names);
  EQ("if_nametoindex", if_nametoindex("lo"), 1);
  errno = 0;
  EQ("no-such-name", if_nametoindex("eth9"), 0);
  EQ("no-such-name-errno", errno, ENODEV);
  char name[IF_NAMESIZE] = "";
  STR("if_indextoname", if_indextoname(1, name), "lo");
  errno = 0;
  TRUE("no-such-index", !if_indextoname(99, name));
  EQ("no-such-index-errno", errno, ENXIO);
}

static struct ifreq request(const char *name) {
  struct ifreq r;
  memset(&r, 0x55, sizeof r);
  strcpy(r.ifr_name, name);
  return r;
}

static const int FAMILIES[] = {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK};
static const char *const FAMILY_NAMES[] = {"inet", "inet6", "unix", "netlink"};

static void controls(void) {
  for (int k = 0; k < 4; k++) {
    int s = must(socket(FAMILIES[k], SOCK_DGRAM, 0));
    put("%s\n", FAMILY_NAMES[k]);
    struct ifreq r = request("lo");
    GOOD("flags", ioctl(s, SIOCGIFFLAGS, &r));
    EQ("flags-value", r.ifr_flags, IFF_UP | IFF_LOOPBACK | IFF_RUNNING);
    r = request("lo");
    GOOD("index", ioctl(s, SIOCGIFINDEX, &r));
    EQ("index-value", r.ifr_ifindex, 1);
    r = request("lo");
    GOOD("mtu", ioctl(s, SIOCGIFMTU, &r));
    EQ("mtu-value", r.ifr_mtu, 65536);
    r = request("lo");
    GOOD("queue", ioctl(s, SIOCGIFTXQLEN, &r));
    EQ("queue-value", r.ifr_qlen, 1000);
    r = request("lo");
    GOOD("metric", ioctl(s, SIOCGIFMETRIC, &r));
    EQ("metric-value", r.ifr_metric, 0);
    r = request("lo");
    GOOD("hardware", ioctl(s, SIOCGIFHWADDR, &r));
    EQ("hardware-type", r.ifr_hwaddr.sa_family, ARPHRD_LOOPBACK);
    TRUE("hardware-address", !memcmp(r.ifr_hwaddr.sa_data, "\0\0\0\0\0\0", 6));
    r = request("lo");
    GOOD("map", ioctl(s, SIOCGIFMAP, &r));
    TRUE("map-value", !r.ifr_map.mem_start && !r.ifr_map.base_addr && !r.ifr_map.irq);
    r = request("");
    r.ifr_ifindex = 1;
    GOOD("name", ioctl(s, SIOCGIFNAME, &r));
    STR("name-value", r.ifr_name, "lo");
    r.ifr_ifindex = 9;
    FAILS("name-of-none", ioctl(s, SIOCGIFNAME, &r), ENODEV);
    static const int ASKED_OF[] = {SIOCGIFFLAGS, SIOCGIFINDEX, SIOCGIFMTU, SIOCGIFTXQLEN, SIOCGIFHWADDR, SIOCGIFMAP, SIOCGIFMETRIC};
    for (int i = 0; i < 7; i++) {
      r = request("eth9");
      FAILS("no-such", ioctl(s, ASKED_OF[i], &r), ENODEV);
    }
    r = request("lo:1");
    GOOD("label", ioctl(s, SIOCGIFFLAGS, &r));
    FAILS("fault", ioctl(s, SIOCGIFFLAGS, 8), EFAULT);
    FAILS("fault-name", ioctl(s, SIOCGIFNAME, 8), EFAULT);
    FAILS("terminal", ioctl(s, TCGETS, &r), ENOTTY);
    FAILS("unknown", ioctl(s, 0x8999, &r), ENOTTY);
    close(s);
  }
}

static void addresses(void) {
  static const int NUMBERS[] = {SIOCGIFADDR, SIOCGIFDSTADDR, SIOCGIFBRDADDR, SIOCGIFNETMASK};
  static const unsigned WANT[] = {INADDR_LOOPBACK, INADDR_LOOPBACK, 0, 0xff000000};
  for (int k = 0; k < 4; k++) {
    int s = must(socket(FAMILIES[k], SOCK_DGRAM, 0));
    put("%s\n", FAMILY_NAMES[k]);
    for (int i = 0; i < 4; i++) {
      struct ifreq r = request("lo");
      if (k != 0) {
        FAILS("other-family", ioctl(s, NUMBERS[i], &r), ENOTTY);
        continue;
      }
      GOOD("address", ioctl(s, NUMBERS[i], &r));
      struct sockaddr_in *a = (void *)&r.ifr_addr;
      EQ("family", a->sin_family, AF_INET);
      EQ("value", ntohl(a->sin_addr.s_addr), WANT[i]);
      EQ("port", a->sin_port, 0);
      r = request("eth9");
      FAILS("no-such", ioctl(s, NUMBERS[i], &r), ENODEV);
    }
    close(s);
  }
}

static void lists(void) {
  for (int k = 0; k < 4; k++) {
    int s = must(socket(FAMILIES[k], SOCK_DGRAM, 0));
    put("%s\n", FAMILY_NAMES[k]);
    struct ifreq r[3];
    struct ifconf c = {.ifc_len = 77};
    GOOD("how-much", ioctl(s, SIOCGIFCONF, &c));
    EQ("how-much-value", c.ifc_len, sizeof *r);
    static const int ROOM[] = {-1, 0, 39, 40, 41, 120};
    for (int i = 0; i < 6; i++) {
      memset(r, 0x55, sizeof r);
      c = (struct ifconf){.ifc_len = ROOM[i], .ifc_req = r};
      GOOD("list", ioctl(s, SIOCGIFCONF, &c));
      EQ("list-length", c.ifc_len, ROOM[i] < 40 ? 0 : 40);
      if (ROOM[i] < 40) {
        TRUE("untouched", r[0].ifr_name[0] == 0x55);
        continue;
      }
      STR("list-name", r[0].ifr_name, "lo");
      EQ("list-address", ntohl(((struct sockaddr_in *)&r[0].ifr_addr)->sin_addr.s_addr), INADDR_LOOPBACK);
    }
    close(s);
  }
}

static void list_faults(void) {
  int s = must(socket(AF_INET, SOCK_DGRAM, 0));
  struct ifconf c = {.ifc_len = 120, .ifc_req = (void *)8};
  FAILS("buffer", ioctl(s, SIOCGIFCONF, &c), EFAULT);
  EQ("untouched", c.ifc_len, 120);
  FAILS("list", ioctl(s, SIOCGIFCONF, 8), EFAULT);
  close(s);
}

// What would change an interface: as nobody in particular, of each family.
static void changes(void) {
  static const int NUMBERS[] = {SIOCSIFFLAGS, SIOCSIFMTU, SIOCSIFHWADDR, SIOCSIFTXQLEN, SIOCSIFNAME, SIOCSIFMETRIC, SIOCADDMULTI,
                                SIOCDELMULTI, SIOCSIFADDR, SIOCADDRT, SIOCDELRT, SIOCSIFDSTADDR, SIOCSIFBRDADDR, SIOCSIFNETMASK};
  pid_t pid = fork();
  if (pid == 0) {
    check_failures = 0;
    must(setuid(1234));
    for (int k = 0; k < 4; k++) {
      int s = must(socket(FAMILIES[k], SOCK_DGRAM, 0));
      put("%s\n", FAMILY_NAMES[k]);
      for (int i = 0; i < 14; i++) {
        struct ifreq r = request("lo");
        if (k == 1 && i == 11) continue; // Linux has it for tunnels
        int known = i < 8 || k == 0 || (k == 1 && i < 11);
        const char *name = i == 3 ? "queue" : i == 4 ? "rename" : i == 9 || i == 10 ? "route" : "change";
        FAILS(name, ioctl(s, NUMBERS[i], &r), known ? EPERM : ENOTTY);
        r = request("eth9");
        FAILS(name, ioctl(s, NUMBERS[i], &r), known ? EPERM : ENOTTY);
      }
      close(s);
    }
    _exit(check_failures);
  }
  EQ("all", status_of(pid), 0);
  int s = must(socket(AF_INET, SOCK_DGRAM, 0));
  struct ifreq r = request("eth9");
  FAILS("root-flags-of-none", ioctl(s, SIOCSIFFLAGS, &r), ENODEV);
  FAILS("root-mtu-of-none", ioctl(s, SIOCSIFMTU, &r), ENODEV);
  r = request("lo");
  r.ifr_flags = IFF_UP;
  GOOD("up-already", ioctl(s, SIOCSIFFLAGS, &r));
  FAILS("metric", ioctl(s, SIOCSIFMETRIC, &r), EOPNOTSUPP);
  close(s);
}

static void mark(void) {
  int s[2], n = 7;
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  GOOD("unix", ioctl(s[0], SIOCATMARK, &n));
  close(s[0]), close(s[1]);
  tcp_pair(AF_INET, s);
  // Where the mark of none is depends on whether anything came.
  FAILS("tcp-fault", ioctl(s[0], SIOCATMARK, 8), EFAULT);
  must(write(s[1], "x", 1));
  waiting(s[0], 1);
  n = 7;
  GOOD("tcp", ioctl(s[0], SIOCATMARK, &n));
  EQ("tcp-value", n, 0);
  close(s[0]), close(s[1]);
  int u = must(socket(AF_INET, SOCK_DGRAM, 0));
  FAILS("udp", ioctl(u, SIOCATMARK, &n), ENOTTY);
  close(u);
  u = must(socket(AF_NETLINK, SOCK_RAW, 0));
  FAILS("netlink", ioctl(u, SIOCATMARK, &n), ENOTTY);
  close(u);
}

struct query {
  struct nlmsghdr h;
  union {
    struct rtgenmsg g;
    struct ifinfomsg link;
    struct ifaddrmsg address;
    char bytes[200];
  };
};

static struct query query(int type, int flags, size_t length) {
  struct query q;
  memset(&q, 0, sizeof q);
  q.h = (struct nlmsghdr){NLMSG_HDRLEN + length, type, NLM_F_REQUEST | flags, 77, 0};
  return q;
}

static int netlink(void) {
  int s = must(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  set_timeout(s, SO_RCVTIMEO, 5000);
  return s;
}

static char answer[65536];
static int answered;

// One datagram of the kernel's: its length.
static int receive(int s) {
  struct sockaddr_nl from = {0};
  struct iovec v = {answer, sizeof answer};
  struct msghdr m = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &v, .msg_iovlen = 1};
  memset(answer, 0, sizeof answer);
  answered = recvmsg(s, &m, 0);
  if (answered < 0) return -errno;
  return from.nl_family == AF_NETLINK && from.nl_pid == 0 ? answered : -EPROTO;
}

static void *attribute(struct nlmsghdr *h, size_t fixed, int type) {
  struct rtattr *a = (void *)((char *)NLMSG_DATA(h) + NLMSG_ALIGN(fixed));
  int left = h->nlmsg_len - NLMSG_LENGTH(NLMSG_ALIGN(fixed));
  for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
    if ((a->rta_type & NLA_TYPE_MASK) == type) return RTA_DATA(a);
  return NULL;
}

static void check_link(struct nlmsghdr *h) {
  struct ifinfomsg *i = NLMSG_DATA(h);
  EQ("link-type", h->nlmsg_type, RTM_NEWLINK);
  EQ("link-seq", h->nlmsg_seq, 77);
  EQ("link-index", i->ifi_index, 1);
  EQ("link-hardware", i->ifi_type, ARPHRD_LOOPBACK);
  EQ("link-flags", i->ifi_flags, IFF_UP | IFF_LOOPBACK | IFF_RUNNING | 0x10000);
  STR("link-name", attribute(h, sizeof *i, IFLA_IFNAME), "lo");
  unsigned *mtu = attribute(h, sizeof *i, IFLA_MTU), *queue = attribute(h, sizeof *i, IFLA_TXQLEN), *group = attribute(h, sizeof *i, IFLA_GROUP);
  EQ("link-mtu", mtu ? *mtu : 0, 65536);
  EQ("link-queue", queue ? *queue : 0, 1000);
  EQ("link-group", group ? *group : 1, 0);
  STR("link-discipline", attribute(h, sizeof *i, IFLA_QDISC), "noqueue");
  char *state = attribute(h, sizeof *i, IFLA_OPERSTATE);
  EQ("link-state", state ? *state : -1, 0);
  void *address = attribute(h, sizeof *i, IFLA_ADDRESS);
  TRUE("link-address", address && !memcmp(address, "\0\0\0\0\0\0", 6));
  TRUE("link-statistics", attribute(h, sizeof *i, IFLA_STATS) && attribute(h, sizeof *i, IFLA_STATS64));
}

static unsigned own;

static void check_address(struct nlmsghdr *h, int *v4, int *v6) {
  struct ifaddrmsg *a = NLMSG_DATA(h);
  EQ("address-type", h->nlmsg_type, RTM_NEWADDR);
  EQ("address-index", a->ifa_index, 1);
  EQ("address-scope", a->ifa_scope, RT_SCOPE_HOST);
  EQ("address-flags", a->ifa_flags, IFA_F_PERMANENT);
  unsigned *flags = attribute(h, sizeof *a, IFA_FLAGS);
  EQ("address-more-flags", flags ? *flags : 0, IFA_F_PERMANENT);
  unsigned *cache = attribute(h, sizeof *a, IFA_CACHEINFO);
  TRUE("address-for-ever", cache && cache[0] == ~0u && cache[1] == ~0u);
  void *address = attribute(h, sizeof *a, IFA_ADDRESS);
  if (a->ifa_family == AF_INET) {
    EQ("address-length", a->ifa_prefixlen, 8);
    TRUE("address-v4", address && !memcmp(address, "\x7f\0\0\1", 4));
    STR("address-label", attribute(h, sizeof *a, IFA_LABEL), "lo");
    ++*v4;
  } else {
    EQ("address-length", a->ifa_prefixlen, 128);
    TRUE("address-v6", address && !memcmp(address, &in6addr_loopback, 16));
    ++*v6;
  }
}

// Reads answers up to the end of a list: how many links and addresses there were, and how the list ends.
static void list(int s, int links, int v4, int v6) {
  int seen = 0, seen4 = 0, seen6 = 0;
  for (;;) {
    int left = receive(s);
    if (left <= 0) {
      EQ("answer", left, 1);
      return;
    }
    for (struct nlmsghdr *h = (void *)answer; NLMSG_OK(h, (unsigned)left); h = NLMSG_NEXT(h, left)) {
      EQ("multi", h->nlmsg_flags & NLM_F_MULTI, NLM_F_MULTI);
      EQ("pid", h->nlmsg_pid, own);
      if (h->nlmsg_type == NLMSG_DONE) {
        EQ("done", *(int *)NLMSG_DATA(h), 0);
        EQ("links", seen, links), EQ("v4", seen4, v4), EQ("v6", seen6, v6);
        return;
      }
      if (h->nlmsg_type == RTM_NEWLINK) check_link(h), seen++;
      else check_address(h, &seen4, &seen6);
    }
  }
}

static void dumps(void) {
  int s = netlink();
  struct sockaddr_nl a = {.nl_family = AF_NETLINK};
  socklen_t n = sizeof a;
  GOOD("bind", bind(s, (void *)&a, sizeof a));
  GOOD("name", getsockname(s, (void *)&a, &n));
  EQ("name-length", n, sizeof a);
  EQ("own-pid", a.nl_pid, getpid());
  own = a.nl_pid;
  struct query q = query(RTM_GETLINK, NLM_F_DUMP, sizeof q.g);
  EQ("ask-links", send(s, &q, q.h.nlmsg_len, 0), q.h.nlmsg_len);
  list(s, 1, 0, 0);
  q = query(RTM_GETLINK, NLM_F_DUMP, sizeof q.link);
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  EQ("ask-links-of-kernel", sendto(s, &q, q.h.nlmsg_len, 0, (void *)&kernel, sizeof kernel), q.h.nlmsg_len);
  list(s, 1, 0, 0);
  static const struct { int family, v4, v6; } WANT[] = {{AF_UNSPEC, 1, 1}, {AF_INET, 1, 0}, {AF_INET6, 0, 1}, {AF_PACKET, 1, 1}};
  for (int k = 0; k < 4; k++) {
    q = query(RTM_GETADDR, NLM_F_DUMP, sizeof q.address);
    q.g.rtgen_family = WANT[k].family;
    must(send(s, &q, q.h.nlmsg_len, 0));
    list(s, 0, WANT[k].v4, WANT[k].v6);
  }
  q = query(RTM_GETADDR, NLM_F_DUMP, 1);
  must(send(s, &q, 17, 0));
  list(s, 0, 1, 1);
  // Who has not bound it has a number all the same; another's is its own.
  int t = netlink();
  q = query(RTM_GETLINK, NLM_F_DUMP, sizeof q.g);
  must(send(t, &q, q.h.nlmsg_len, 0));
  must(getsockname(t, (void *)&a, &n));
  TRUE("other-pid", a.nl_pid != own && a.nl_pid != 0);
  own = a.nl_pid;
  EQ("peek", recv(t, NULL, 0, MSG_PEEK | MSG_TRUNC) > 0, 1);
  list(t, 1, 0, 0);
  close(t), close(s);
}

static void single(int s, struct query *q, int length) {
  q->h.nlmsg_len = NLMSG_HDRLEN + length;
  must(send(s, q, q->h.nlmsg_len, 0));
}

// The error of an answer, 1 when it is none.
static int error_of(int s) {
  if (receive(s) < 36) return 2;
  struct nlmsghdr *h = (void *)answer;
  struct nlmsgerr *e = NLMSG_DATA(h);
  if (h->nlmsg_type != NLMSG_ERROR) return 1;
  EQ("error-seq", e->msg.nlmsg_seq, 77);
  EQ("error-length", h->nlmsg_len, e->error ? 20 + e->msg.nlmsg_len : 36);
  EQ("error-capped", h->nlmsg_flags, e->error ? 0 : NLM_F_CAPPED);
  return e->error;
}

static void one_link(void) {
  int s = netlink();
  struct query q = query(RTM_GETLINK, 0, sizeof q.link);
  q.link.ifi_index = 1;
  single(s, &q, sizeof q.link);
  TRUE("by-index", receive(s) > 0);
  check_link((void *)answer);
  EQ("not-multi", ((struct nlmsghdr *)answer)->nlmsg_flags & NLM_F_MULTI, 0);
  q.h.nlmsg_flags |= NLM_F_ACK;
  single(s, &q, sizeof q.link);
  TRUE("with-ack", receive(s) > 0);
  check_link((void *)answer);
  EQ("ack", error_of(s), 0);
  q.h.nlmsg_flags &= ~NLM_F_ACK;
  q.link.ifi_index = 9;
  single(s, &q, sizeof q.link);
  EQ("no-such-index", error_of(s), -ENODEV);
  q.link.ifi_index = 0;
  single(s, &q, sizeof q.link);
  EQ("neither", error_of(s), -EINVAL);
  struct rtattr *a = (void *)(q.bytes + sizeof q.link);
  *a = (struct rtattr){RTA_LENGTH(3), IFLA_IFNAME};
  strcpy(RTA_DATA(a), "lo");
  single(s, &q, sizeof q.link + RTA_SPACE(3));
  TRUE("by-name", receive(s) > 0);
  check_link((void *)answer);
  *a = (struct rtattr){RTA_LENGTH(5), IFLA_IFNAME};
  strcpy(RTA_DATA(a), "eth9");
  single(s, &q, sizeof q.link + RTA_SPACE(5));
  EQ("no-such-name", error_of(s), -ENODEV);
  // Requests that are too short for what they ask, and attributes that lie.
  q.link.ifi_index = 0;
  single(s, &q, 8);
  EQ("short", error_of(s), -EINVAL);
  q.h.nlmsg_flags |= NLM_F_ACK;
  single(s, &q, 0);
  EQ("no-family", error_of(s), 0);
  q.h.nlmsg_flags = NLM_F_ACK;
  single(s, &q, sizeof q.link);
  EQ("no-request", error_of(s), 0);
  q = query(NLMSG_NOOP, NLM_F_ACK, sizeof q.link);
  single(s, &q, sizeof q.link);
  EQ("noop", error_of(s), 0);
  q = query(RTM_NEWLINK, NLM_F_ACK, sizeof q.link);
  q.link = (struct ifinfomsg){.ifi_index = 1, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
  single(s, &q, sizeof q.link);
  EQ("up-already", error_of(s), 0);
  FAILS("nothing-more", recv(s, answer, 1, MSG_DONTWAIT), EAGAIN);
  close(s);
}

static void unknown_types(void) {
  int s = netlink();
  struct query q = query(1000, 0, sizeof q.link);
  single(s, &q, sizeof q.link);
  EQ("unknown", error_of(s), -EOPNOTSUPP);
  q = query(1000, NLM_F_DUMP, sizeof q.link);
  single(s, &q, sizeof q.link);
  EQ("unknown-list", error_of(s), -EOPNOTSUPP);
  close(s);
}

static void several(void) {
  // Requests that follow one another in a message: three with an answer, then one whose length lies.
  int s = netlink();
  char message[200] = {0};
  struct query q = query(NLMSG_NOOP, NLM_F_ACK, 0);
  for (int k = 0; k < 3; k++) memcpy(message + 16 * k, &q, 16);
  q.h.nlmsg_len = 17;
  memcpy(message + 48, &q, 16);
  EQ("send", send(s, message, 64, 0), 64);
  for (int k = 0; k < 3; k++) EQ("acknowledged", error_of(s), 0);
  FAILS("no-more", recv(s, answer, 1, MSG_DONTWAIT), EAGAIN);
  static const unsigned LENGTHS[] = {0, 1, 15, 17, 0x7fffffff, 0x80000000, 0xffffffff};
  for (int k = 0; k < 7; k++) {
    q.h.nlmsg_len = LENGTHS[k];
    EQ("bad-length", send(s, &q, 16, 0), 16);
    FAILS("no-answer", recv(s, answer, 1, MSG_DONTWAIT), EAGAIN);
  }
  for (int n = 1; n < 16; n += 7) {
    EQ("cut", send(s, &q, n, 0), n);
    FAILS("no-answer-to-it", recv(s, answer, 1, MSG_DONTWAIT), EAGAIN);
  }
  // The second begins where the first, rounded up, ends.
  q = query(NLMSG_NOOP, NLM_F_ACK, 1);
  memset(message, 0, sizeof message);
  memcpy(message, &q, 17);
  q.h.nlmsg_len = 16;
  memcpy(message + 20, &q, 16);
  EQ("send-odd", send(s, message, 36, 0), 36);
  EQ("odd", error_of(s), 0);
  EQ("after-odd", error_of(s), 0);
  close(s);
}

static void names(void) {
  int s = netlink(), t = netlink();
  struct sockaddr_nl a = {.nl_family = AF_NETLINK};
  FAILS("bind-short", bind(s, (void *)&a, 11), EINVAL);
  a.nl_family = AF_INET;
  FAILS("bind-family", bind(s, (void *)&a, sizeof a), EINVAL);
  a.nl_family = AF_NETLINK;
  a.nl_pid = 123456;
  GOOD("bind-number", bind(s, (void *)&a, sizeof a));
  GOOD("bind-same", bind(s, (void *)&a, sizeof a));
  FAILS("in-use", bind(t, (void *)&a, sizeof a), EADDRINUSE);
  a.nl_pid = 0;
  FAILS("bind-again", bind(s, (void *)&a, sizeof a), EINVAL);
  GOOD("bind-none", bind(t, (void *)&a, sizeof a));
  GOOD("connect", connect(t, (void *)&a, sizeof a));
  FAILS("connect-short", connect(t, (void *)&a, 11), EINVAL);
  FAILS("connect-family", connect(t, (void *)&(struct sockaddr_in){.sin_family = AF_INET}, 16), EINVAL);
  GOOD("disconnect", connect(t, (void *)&(struct sockaddr_nl){.nl_family = AF_UNSPEC}, sizeof a));
  FAILS("listen", listen(s, 1), EOPNOTSUPP);
  FAILS("accept", accept(s, NULL, NULL), EOPNOTSUPP);
  struct query q = query(NLMSG_NOOP, NLM_F_ACK, 0);
  FAILS("send-short", sendto(s, &q, 16, 0, (void *)&a, 11), EINVAL);
  FAILS("send-family", sendto(s, &q, 16, 0, (void *)&(struct sockaddr_in){.sin_family = AF_INET}, 16), EINVAL);
  FAILS("send-oob", send(s, &q, 16, MSG_OOB), EOPNOTSUPP);
  a.nl_pid = 999999;
  FAILS("send-nobody", sendto(s, &q, 16, 0, (void *)&a, sizeof a), ECONNREFUSED);
  EQ("poll", polled(s), POLLOUT);
  must(send(s, &q, 16, 0));
  EQ("poll-answer", polled(s), POLLIN | POLLOUT);
  EQ("answer", error_of(s), 0);
  static const int OTHERS[] = {31, 32, -1};
  for (int k = 0; k < 3; k++) FAILS("no-such-protocol", socket(AF_NETLINK, SOCK_RAW, OTHERS[k]), EPROTONOSUPPORT);
  FAILS("no-stream", socket(AF_NETLINK, SOCK_STREAM, 0), ESOCKTNOSUPPORT);
  EQ("domain", option(s, SOL_SOCKET, SO_DOMAIN), AF_NETLINK);
  close(s), close(t);
  pid_t pid = fork();
  if (pid == 0) {
    check_failures = 0;
    must(setuid(1234));
    s = netlink();
    FAILS("user-sends", sendto(s, &q, 16, 0, (void *)&a, sizeof a), EPERM);
    FAILS("user-connects", connect(s, (void *)&a, sizeof a), EPERM);
    static const int TYPES[] = {RTM_NEWLINK, RTM_DELLINK, RTM_SETLINK, RTM_NEWADDR, RTM_DELADDR, RTM_NEWROUTE, RTM_DELROUTE};
    for (int k = 0; k < 7; k++) {
      q = query(TYPES[k], 0, sizeof q.link);
      q.link.ifi_index = 1;
      single(s, &q, sizeof q.link);
      EQ("user-changes", error_of(s), -EPERM);
    }
    q = query(RTM_GETLINK, 0, sizeof q.link);
    q.link.ifi_index = 1;
    single(s, &q, sizeof q.link);
    TRUE("user-asks", receive(s) > 0);
    check_link((void *)answer);
    _exit(check_failures);
  }
  EQ("user", status_of(pid), 0);
}

// A queue that is full loses answers, and says so once.
static void overrun(void) {
  int s = netlink(), sent = 0, lost = 0, answers = 0;
  struct query q = query(NLMSG_NOOP, NLM_F_ACK, 0);
  for (int k = 0; k < 2000; k++) sent += send(s, &q, 16, MSG_DONTWAIT) == 16;
  EQ("sent", sent, 2000);
  for (int k = 0; k < 4000; k++) {
    int n = recv(s, answer, sizeof answer, MSG_DONTWAIT);
    if (n > 0) answers++;
    else if (errno == ENOBUFS) lost++;
    else break;
  }
  EQ("lost", lost, 1);
  TRUE("some", answers > 100 && answers < 2000);
  must(send(s, &q, 16, 0));
  EQ("goes-on", error_of(s), 0);
  close(s);
}

CHECK_MAIN(CASE(library), CASE(controls), CASE(addresses), CASE(lists), CASE(list_faults), CASE(changes), CASE(mark), CASE(dumps), CASE(one_link), CASE(unknown_types), CASE(several), CASE(names), CASE(overrun))
