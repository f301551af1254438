# exec(init, argv): the first user program, 32 bits.
.set SYS_exec, 7
.set SYS_exit, 2

.globl start
start:
  pushl $argv
  pushl $init
  pushl $0  // where caller pc would be
  movl $SYS_exec, %eax
  int $64

exit:
  movl $SYS_exit, %eax
  int $64
  jmp exit

init:
  .string "/init\0"

.p2align 2
argv:
  .long init
  .long 0
