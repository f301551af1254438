# Context switch, 32 bits: void swtch(struct context **old, struct context *new);

.globl swtch
swtch:
  movl 4(%esp), %eax
  movl 8(%esp), %edx

  pushl %ebp
  pushl %ebx
  movl %esp, (%eax)
  movl %edx, %esp
  popl %ebx
  popl %ebp
  ret
