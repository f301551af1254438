# A boot sector: the BIOS loads it at 0x7c00 and starts it in real mode.
.code16
.globl start
start:
  cli
  xorw %ax, %ax
  movw %ax, %ds
  movw %ax, %ss
  movw $0x7c00, %sp
  movw $message, %si
1:
  lodsb
  testb %al, %al
  jz 2f
  movb $0x0e, %ah
  int $0x10
  jmp 1b
2:
  hlt
  jmp 2b
message:
  .asciz "Hello"
  .org 510
  .word 0xaa55
