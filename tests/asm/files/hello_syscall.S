# The hello world of the textbooks: write(1, msg, len), exit(0).
        .global _start
        .section .rodata
msg:    .ascii "Hello, world\n"
len = . - msg
        .text
_start:
        mov     $1, %rax                # write
        mov     $1, %rdi                # stdout
        mov     $msg, %rsi
        mov     $len, %rdx
        syscall
        mov     $60, %rax               # exit
        xor     %rdi, %rdi
        syscall
