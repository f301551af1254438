/*
 * file.S: a task's table of open files (Linux: fs/file.c).
 *
 *   struct file *fdget(fd), *fdget_pos(fd)        rdi; rax 0 if there is none; fdget_pos holds f_pos_lock after it
 *   void __f_unlock_pos(struct file *)            rdi
 *   int get_unused_fd_flags(flags), alloc_fd(start, end, flags); void put_unused_fd(fd), fd_install(fd, file)
 *   struct file *file_close_fd(fd)                rdi; takes the file out of the table
 *
 * The bit in FILES_OPEN reserves a number, the pointer makes it usable. Owner of both: files->file_lock.
 */

/* A task alone with its table needs no reference: nobody else can close the file meanwhile. */
SYM_FUNC_START fdget
	xorl %eax, %eax
	cmpl $FILES_MAX, %edi
	jae .Lfdget_none
	GET_CURRENT %rdx
	movq TASK_FILES(%rdx), %rdx
	movl %edi, %ecx
	movq FILES_FD(%rdx,%rcx,0x8), %rax
.Lfdget_none:
	ret
SYM_FUNC_END fdget

/* Simplified: Linux locks only a file that several may hold; here always. */
SYM_FUNC_START fdget_pos
	pushq %rbx
	call fdget
	movq %rax, %rbx
	testq %rax, %rax
	je .Lfdget_pos_none
	leaq FILE_POS_LOCK(%rbx), %rdi
	call mutex_lock
	movq %rbx, %rax
.Lfdget_pos_none:
	popq %rbx
	ret
SYM_FUNC_END fdget_pos

SYM_FUNC_START __f_unlock_pos
	addq $FILE_POS_LOCK, %rdi
	call mutex_unlock
	ret
SYM_FUNC_END __f_unlock_pos

SYM_FUNC_START get_unused_fd_flags
	movl %edi, %edx
	xorl %edi, %edi
	movl $FILES_MAX, %esi
	call alloc_fd
	ret
SYM_FUNC_END get_unused_fd_flags

/* The lowest number that is free, as POSIX says. */
SYM_FUNC_START_LOCAL alloc_fd
	pushq %rbx
	pushq %r12
	pushq %r13
	movl %esi, %r13d
	movl %edi, %r12d
	GET_CURRENT %rbx
	movq TASK_FILES(%rbx), %rbx
	leaq FILES_LOCK(%rbx), %rdi
	call _raw_spin_lock
.Lalloc_fd_try:
	cmpl %r13d, %r12d
	jae .Lalloc_fd_full
	btsq %r12, FILES_OPEN(%rbx)
	jnc .Lalloc_fd_out
	incl %r12d
	jmp .Lalloc_fd_try
.Lalloc_fd_full:
	movq $EMFILE, %r12
.Lalloc_fd_out:
	leaq FILES_LOCK(%rbx), %rdi
	call _raw_spin_unlock
	movq %r12, %rax
	popq %r13
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END alloc_fd

/* A number that was reserved for an open that failed. */
SYM_FUNC_START put_unused_fd
	pushq %rbx
	pushq %rdi
	GET_CURRENT %rax
	movq TASK_FILES(%rax), %rbx
	leaq FILES_LOCK(%rbx), %rdi
	call _raw_spin_lock
	popq %rdx
	btrq %rdx, FILES_OPEN(%rbx)
	leaq FILES_LOCK(%rbx), %rdi
	call _raw_spin_unlock
	popq %rbx
	ret
SYM_FUNC_END put_unused_fd

SYM_FUNC_START fd_install
	GET_CURRENT %rax
	movq TASK_FILES(%rax), %rax
	movl %edi, %edi
	movq %rsi, FILES_FD(%rax,%rdi,0x8)
	ret
SYM_FUNC_END fd_install

SYM_FUNC_START file_close_fd
	pushq %rbx
	pushq %r12
	pushq %r13
	movl %edi, %r12d
	xorl %r13d, %r13d
	GET_CURRENT %rbx
	movq TASK_FILES(%rbx), %rbx
	leaq FILES_LOCK(%rbx), %rdi
	call _raw_spin_lock
	cmpl $FILES_MAX, %r12d
	jae .Lclose_fd_none
	xchgq %r13, FILES_FD(%rbx,%r12,0x8)
	testq %r13, %r13
	je .Lclose_fd_none
	btrq %r12, FILES_OPEN(%rbx)
.Lclose_fd_none:
	leaq FILES_LOCK(%rbx), %rdi
	call _raw_spin_unlock
	movq %r13, %rax
	popq %r13
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END file_close_fd
