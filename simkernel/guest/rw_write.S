/*
 * rw_write.S: the writing half, and seeking (Linux: fs/read_write.c). Conventions: read_write.S.
 *
 *   long __x64_sys_write(fd, buf, count), ssize_t ksys_write(...), vfs_write(file, buf, count, pos), new_sync_write
 *   long __x64_sys_lseek(fd, offset, whence), off_t ksys_lseek(...), loff_t vfs_llseek(file, offset, whence)
 *   loff_t generic_file_llseek(file, offset, whence), generic_file_llseek_size(..., maxsize, eof)
 */

SYM_FUNC_START __x64_sys_write
	call ksys_write
	ret
SYM_FUNC_END __x64_sys_write

SYM_FUNC_START ksys_write
	pushq %r12
	pushq %rbx
	pushq %rdx
	pushq $0x0
	movq %rsi, %r12
	call fdget_pos
	testq %rax, %rax
	je .Lksys_write_badf
	movq %rax, %rbx
	movq FILE_POS(%rbx), %rcx
	movq %rcx, (%rsp)
	movq %rbx, %rdi
	movq %r12, %rsi
	movq 0x8(%rsp), %rdx
	movq %rsp, %rcx
	call vfs_write
	movq %rax, %r12
	testq %rax, %rax
	js .Lksys_write_put
	movq (%rsp), %rax
	movq %rax, FILE_POS(%rbx)
.Lksys_write_put:
	movq %rbx, %rdi
	call __f_unlock_pos
	movq %r12, %rax
	jmp .Lksys_write_out
.Lksys_write_badf:
	movq $EBADF, %rax
.Lksys_write_out:
	addq $0x10, %rsp
	popq %rbx
	popq %r12
	ret
SYM_FUNC_END ksys_write

/* Simplified: its site lies across a line, four bytes and one; Linux aligns functions to 16. */
SYM_FUNC_START_STRADDLE vfs_write, 0x3c
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %rbx
	movq $EBADF, %rax
	testl $FMODE_WRITE, FILE_MODE(%rdi)
	je .Lvfs_write_out
	movq %rdi, %r12
	movq %rsi, %r13
	movq %rdx, %r14
	movq %rcx, %rbx
	movl $0x1, %edi
	movq %r12, %rsi
	movq %rbx, %rdx
	movq %r14, %rcx
	call rw_verify_area
	cltq
	testq %rax, %rax
	jne .Lvfs_write_out
	movq %r12, %rdi
	movq %r13, %rsi
	movq %r14, %rdx
	movq %rbx, %rcx
	call new_sync_write
	GET_CURRENT %rcx
	incq TASK_SYSCW(%rcx)
	testq %rax, %rax
	jle .Lvfs_write_out
	addq %rax, TASK_WCHAR(%rcx)
.Lvfs_write_out:
	popq %rbx
	popq %r14
	popq %r13
	popq %r12
	ret
SYM_FUNC_END vfs_write

SYM_FUNC_START_LOCAL new_sync_write
	pushq %r12
	subq $0x20, %rsp
	movq %rcx, %r12
	movq %rsi, 0x10 + ITER_UBUF(%rsp)
	movq %rdx, 0x10 + ITER_COUNT(%rsp)
	movq %rdi, KI_FILP(%rsp)
	movq (%r12), %rdx
	movq %rdx, KI_POS(%rsp)
	movq FILE_FOP(%rdi), %rax
	leaq 0x10(%rsp), %rsi
	movq %rsp, %rdi
	call *FOP_WRITE_ITER(%rax)
	testq %rax, %rax
	jle .Lnew_sync_write_out
	movq KI_POS(%rsp), %rdx
	movq %rdx, (%r12)
.Lnew_sync_write_out:
	addq $0x20, %rsp
	popq %r12
	ret
SYM_FUNC_END new_sync_write

SYM_FUNC_START __x64_sys_lseek
	movl %edx, %edx
	call ksys_lseek
	ret
SYM_FUNC_END __x64_sys_lseek

/* The same lock as for reading: a seek never falls into the middle of a read. */
SYM_FUNC_START_LOCAL ksys_lseek
	pushq %rbx
	pushq %rsi
	pushq %rdx
	call fdget_pos
	popq %rdx
	popq %rsi
	movq %rax, %rbx
	movq $EBADF, %rax
	testq %rbx, %rbx
	je .Lksys_lseek_out
	movq %rbx, %rdi
	call vfs_llseek
	pushq %rax
	movq %rbx, %rdi
	call __f_unlock_pos
	popq %rax
.Lksys_lseek_out:
	popq %rbx
	ret
SYM_FUNC_END ksys_lseek

/* What cannot seek has no such operation: -ESPIPE. */
SYM_FUNC_START vfs_llseek
	movq FILE_FOP(%rdi), %rax
	movq FOP_LLSEEK(%rax), %rcx
	movq $ESPIPE, %rax
	testq %rcx, %rcx
	je .Lllseek_cannot
	call *%rcx
.Lllseek_cannot:
	ret
SYM_FUNC_END vfs_llseek

/* Linux passes the file system's largest size and the end of the file on; ext4 has limits of its own. */
SYM_FUNC_START generic_file_llseek
	movq FILE_INODE(%rdi), %rax
	movl $0x7fffffff, %ecx
	movq INODE_SIZE(%rax), %r8
	call generic_file_llseek_size
	ret
SYM_FUNC_END generic_file_llseek

/* rcx maxsize, r8 eof. SEEK_SET 0, SEEK_CUR 1, SEEK_END 2. rax the new position. */
SYM_FUNC_START generic_file_llseek_size
	cmpl $0x1, %edx
	jb .Lseek_set
	cmovaq %r8, %rdx
	ja .Lseek_from
	movq FILE_POS(%rdi), %rdx
.Lseek_from:
	addq %rdx, %rsi
.Lseek_set:
	movq $EINVAL, %rax
	cmpq %rcx, %rsi
	ja .Lseek_out
	movq %rsi, FILE_POS(%rdi)
	movq %rsi, %rax
.Lseek_out:
	ret
SYM_FUNC_END generic_file_llseek_size
