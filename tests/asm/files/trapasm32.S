#include "mmu.h"

  # vectors.S sends all traps here.
.globl alltraps
alltraps:
  pushl %ds
  pushl %es
  pushal
  movw $(SEG_KDATA<<3), %ax
  movw %ax, %ds
  pushl %esp
  call trap
  addl $4, %esp

.globl trapret
trapret:
  popal
  popl %es
  popl %ds
  addl $0x8, %esp  # trapno and errcode
  iret
