/*
 * read_write.S: read and write, from the system call to the file system (Linux: fs/read_write.c).
 *
 *   long __x64_sys_read(fd, buf, count), ssize_t ksys_read(...)           rdi rsi rdx
 *   ssize_t vfs_read(file, buf, count, loff_t *pos), vfs_write(...)       rdi rsi rdx rcx
 *   ssize_t new_sync_read(file, buf, count, pos), new_sync_write(...)     build a kiocb and an iov_iter on the stack
 *   int rw_verify_area(int read_write, file, pos, count)                  rdi rsi rdx rcx
 *
 * A result below zero is -errno.
 */

SYM_FUNC_START __x64_sys_read
	movl %edi, %edi
	call ksys_read
	ret
SYM_FUNC_END __x64_sys_read

/* The position lives in the file; a local copy is what the call works on, kept only if all went well. */
SYM_FUNC_START ksys_read
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq $0x0
	movq %rsi, %r12
	movq %rdx, %r13
	call fdget_pos
	movq $EBADF, %rdx
	testq %rax, %rax
	je .Lksys_read_out
	movq %rax, %rbx
	movq FILE_POS(%rbx), %rax
	movq %rax, (%rsp)
	movq %rbx, %rdi
	movq %r12, %rsi
	movq %r13, %rdx
	movq %rsp, %rcx
	call vfs_read
	testq %rax, %rax
	js .Lksys_read_put
	movq (%rsp), %rdx
	movq %rdx, FILE_POS(%rbx)
.Lksys_read_put:
	movq %rax, %r12
	movq %rbx, %rdi
	call __f_unlock_pos
	movq %r12, %rdx
.Lksys_read_out:
	movq %rdx, %rax
	addq $0x8, %rsp
	popq %r13
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END ksys_read

/*
 * Mode, area, security; then the file system; then what the task is charged with (add_rchar, inc_syscr).
 * Simplified: its site lies across a line, three bytes before it and two behind; Linux aligns functions to 16.
 */
SYM_FUNC_START_STRADDLE vfs_read, 0x3d
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	movq $EBADF, %rax
	testl $FMODE_READ, FILE_MODE(%rdi)
	je .Lvfs_read_out
	movq %rdi, %rbx
	movq %rsi, %r12
	movq %rdx, %r13
	movq %rcx, %r14
	xorl %edi, %edi
	movq %rbx, %rsi
	movq %r14, %rdx
	movq %r13, %rcx
	call rw_verify_area
	testl %eax, %eax
	jne .Lvfs_read_err
	movq %rbx, %rdi
	movq %r12, %rsi
	movq %r13, %rdx
	movq %r14, %rcx
	call new_sync_read
	GET_CURRENT %rdx
	incq TASK_SYSCR(%rdx)
	testq %rax, %rax
	js .Lvfs_read_out
	addq %rax, TASK_RCHAR(%rdx)
	jmp .Lvfs_read_out
.Lvfs_read_err:
	cltq
.Lvfs_read_out:
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END vfs_read

/* kiocb {ki_filp, ki_pos} at rsp, iov_iter {ubuf, count} above it. */
SYM_FUNC_START_LOCAL new_sync_read
	pushq %rbx
	movq %rcx, %rbx
	subq $0x20, %rsp
	movq %rdi, KI_FILP(%rsp)
	movq (%rcx), %rax
	movq %rax, KI_POS(%rsp)
	movq %rsi, 0x10 + ITER_UBUF(%rsp)
	movq %rdx, 0x10 + ITER_COUNT(%rsp)
	movq FILE_FOP(%rdi), %rax
	movq %rsp, %rdi
	leaq 0x10(%rsp), %rsi
	call *FOP_READ_ITER(%rax)
	movq KI_POS(%rsp), %rdx
	movq %rdx, (%rbx)
	addq $0x20, %rsp
	popq %rbx
	ret
SYM_FUNC_END new_sync_read

/* No negative count, no position that would turn negative; then the security module. */
SYM_FUNC_START rw_verify_area
	testq %rcx, %rcx
	js .Lverify_inval
	addq (%rdx), %rcx
	js .Lverify_inval
	movl %edi, %ecx
	movq %rsi, %rdi
	movl $MAY_READ, %esi
	testl %ecx, %ecx
	je .Lverify_security
	movl $MAY_WRITE, %esi
.Lverify_security:
	call security_file_permission
	ret
.Lverify_inval:
	movq $EINVAL, %rax
	ret
SYM_FUNC_END rw_verify_area
