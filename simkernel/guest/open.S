/*
 * open.S: open and close (Linux: fs/open.c, and path_openat of fs/namei.c).
 *
 *   long __x64_sys_openat(dfd, filename, flags), do_sys_openat2(dfd, filename, how)    rdi rsi rdx; rax fd or -errno
 *   struct file *do_filp_open(dfd, struct filename *, op), *path_openat(nameidata, op) rax a file or -errno
 *   int vfs_open(path, file), do_dentry_open(file)
 *   long __x64_sys_close(fd), int filp_flush(filp, id)
 *
 * Simplified: flags here are FMODE_READ and FMODE_WRITE; Linux has O_* and translates.
 */

SYM_FUNC_START __x64_sys_openat
	andl $FMODE_READ + FMODE_WRITE, %edx
	call do_sys_openat2
	ret
SYM_FUNC_END __x64_sys_openat

/* The number is reserved before the file is opened and gets its file last: nobody sees it half made. */
SYM_FUNC_START_LOCAL do_sys_openat2
	pushq %rbx
	pushq %r12
	pushq %r13
	movl %edx, %r13d
	movq %rsi, %rdi
	call getname
	cmpq $-0x1000, %rax
	ja .Lopenat2_out
	movq %rax, %r12
	movl %r13d, %edi
	call get_unused_fd_flags
	movq %rax, %rbx
	testq %rax, %rax
	js .Lopenat2_putname
	movq %r12, %rsi
	movl %r13d, %edx
	call do_filp_open
	cmpq $-0x1000, %rax
	ja .Lopenat2_failed
	movl %ebx, %edi
	movq %rax, %rsi
	call fd_install
	jmp .Lopenat2_putname
.Lopenat2_failed:
	movl %ebx, %edi
	movq %rax, %rbx
	call put_unused_fd
.Lopenat2_putname:
	movq %r12, %rdi
	call putname
	movq %rbx, %rax
.Lopenat2_out:
	popq %r13
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END do_sys_openat2

/* struct nameidata on the stack: name, hash, length, dentry. */
SYM_FUNC_START do_filp_open
	subq $0x20, %rsp
	movq %rsi, ND_NAME(%rsp)
	movq $0x0, ND_DENTRY(%rsp)
	movq %rsp, %rdi
	movl %edx, %esi
	call path_openat
	addq $0x20, %rsp
	ret
SYM_FUNC_END do_filp_open

/* Simplified: in Linux fput() leaves __fput() to the task's way out of the kernel. */
SYM_FUNC_START_LOCAL path_openat
	pushq %rbx
	pushq %r12
	movq %rdi, %r12
	movl %esi, %edi
	call alloc_empty_file
	testq %rax, %rax
	movq $ENOMEM, %rdx
	je .Lpath_openat_out
	movq %rax, %rbx
	movq %r12, %rdi
	call link_path_walk.part.0.constprop.0
	movslq %eax, %rdx
	testq %rdx, %rdx
	jne .Lpath_openat_failed
	movq %r12, %rdi
	call lookup_fast
	movq $ENOENT, %rdx
	testq %rax, %rax
	je .Lpath_openat_failed
	movq %rax, %rdi
	movq %rbx, %rsi
	call vfs_open
	movslq %eax, %rdx
	testq %rdx, %rdx
	jne .Lpath_openat_failed
	movq %rbx, %rdx
	jmp .Lpath_openat_out
.Lpath_openat_failed:
	movq %rdx, %r12
	movq %rbx, %rdi
	call __fput
	movq %r12, %rdx
.Lpath_openat_out:
	movq %rdx, %rax
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END path_openat

/* rdi: the dentry (Linux: a path), which names the inode. */
SYM_FUNC_START vfs_open
	movq DENTRY_INODE(%rdi), %rax
	movq %rax, FILE_INODE(%rsi)
	movq %rsi, %rdi
	call do_dentry_open
	ret
SYM_FUNC_END vfs_open

/* The security module may refuse; then the file system has its say. A file counts as open only after both. */
SYM_FUNC_START_LOCAL do_dentry_open
	pushq %rbx
	movq %rdi, %rbx
	movq FILE_INODE(%rbx), %rax
	movq INODE_FOP(%rax), %rax
	movq %rax, FILE_FOP(%rbx)
	call security_file_open
	testl %eax, %eax
	jne .Ldentry_open_out
	movq FILE_FOP(%rbx), %rax
	movq FILE_INODE(%rbx), %rdi
	movq %rbx, %rsi
	call *FOP_OPEN(%rax)
	testl %eax, %eax
	jne .Ldentry_open_out
	orl $FMODE_OPENED, FILE_MODE(%rbx)
.Ldentry_open_out:
	popq %rbx
	ret
SYM_FUNC_END do_dentry_open

SYM_FUNC_START __x64_sys_close
	pushq %rbx
	pushq %r12
	call file_close_fd
	movq %rax, %rbx
	movq $EBADF, %rax
	testq %rbx, %rbx
	je .Lsys_close_out
	movq %rbx, %rdi
	call filp_flush
	movslq %eax, %r12
	movq %rbx, %rdi
	call __fput_sync
	movq %r12, %rax
.Lsys_close_out:
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END __x64_sys_close

/* A file without references here was closed twice: Linux says so and returns 0. */
SYM_FUNC_START_LOCAL filp_flush
	xorl %eax, %eax
	cmpq $0x1, FILE_COUNT(%rdi)
	setb %al
	negl %eax
	ret
SYM_FUNC_END filp_flush
