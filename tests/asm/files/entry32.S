#include "asm.h"
#include "memlayout.h"
#include "mmu.h"

# Multiboot header.
.p2align 2
.text
.globl multiboot_header
multiboot_header:
  #define magic 0x1badb002
  #define flags 0
  .long magic
  .long flags
  .long (-magic-flags)

.globl entry
entry:
  movl    %cr4, %eax
  orl     $(CR4_PSE), %eax
  movl    %eax, %cr4
  movl    $(V2P_WO(entrypgdir)), %eax
  movl    %eax, %cr3
  movl $(stack + KSTACKSIZE), %esp
  mov $main, %eax
  jmp *%eax

.comm stack, KSTACKSIZE
