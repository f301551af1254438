/*
 * fifo.S: the ends of a pipe with a name (Linux: fs/pipe.c). What goes through it: pipe.S.
 *
 *   int fifo_open(inode, file), pipe_release(inode, file)          rdi rsi; 0
 */

/* Simplified: Linux's open waits until the other end is open too. */
SYM_FUNC_START_LOCAL fifo_open
	leaq fifo_pipe(%rip), %rax
	movq %rax, FILE_PRIVATE(%rsi)
	lock incq PIPE_FILES(%rax)
	testl $FMODE_WRITE, FILE_MODE(%rsi)
	je .Lfifo_open_reader
	lock incq PIPE_WRITERS(%rax)
.Lfifo_open_reader:
	xorl %eax, %eax
	ret
SYM_FUNC_END fifo_open

SYM_FUNC_START_LOCAL pipe_release
	movq FILE_PRIVATE(%rsi), %rdx
	lock decq PIPE_FILES(%rdx)
	testl $FMODE_WRITE, FILE_MODE(%rsi)
	je .Lpipe_release_reader
	lock decq PIPE_WRITERS(%rdx)
.Lpipe_release_reader:
	xorl %eax, %eax
	ret
SYM_FUNC_END pipe_release
