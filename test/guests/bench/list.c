// Linked list: nodes linked in a shuffled order, walked, summed and reversed.
#include <stdint.h>
#include <stdio.h>

enum { NODES = 4096, ROUNDS = 20000 };
struct node {
  struct node *next;
  uint64_t value;
};
static struct node pool[NODES];
static uint32_t order[NODES];

int main(void) {
  uint32_t seed = 7;
  for (uint32_t i = 0; i < NODES; i++) order[i] = i;
  for (uint32_t i = NODES - 1; i > 0; i--) {
    seed = seed * 1664525u + 1013904223u;
    uint32_t j = (seed >> 8) % (i + 1), t = order[i];
    order[i] = order[j], order[j] = t;
  }
  for (uint32_t i = 0; i < NODES; i++) {
    pool[order[i]].value = i;
    pool[order[i]].next = i + 1 < NODES ? &pool[order[i + 1]] : 0;
  }
  struct node *head = &pool[order[0]];
  uint64_t sum = 0;
  for (int r = 0; r < ROUNDS; r++) {
    for (struct node *n = head; n; n = n->next) sum += n->value ^ (uint64_t)r;
    if (r % 4 == 0) {
      struct node *prev = 0;
      while (head) {
        struct node *next = head->next;
        head->next = prev, prev = head, head = next;
      }
      head = prev;
    }
  }
  printf("list %lu\n", (unsigned long)sum);
  return 0;
}
