/*
 * file_table.S: the life of a struct file (Linux: fs/file_table.c).
 *
 *   struct file *alloc_empty_file(flags, cred)        rdi; rax 0 if there is no room for another one
 *   void fput(file), __fput_sync(file)                rdi; drop a reference
 *   void __fput(file)                                 rdi; what the last one does
 *
 * nr_files counts all files of all tasks, as /proc/sys/fs/file-nr shows them.
 */

/* From a cache, with one reference, and nothing in it that could be used yet. */
SYM_FUNC_START alloc_empty_file
	pushq %rbx
	movl %edi, %ebx
	leaq filp_cachep(%rip), %rdi
	call kmem_cache_alloc_noprof
	testq %rax, %rax
	je .Lempty_file_none
	movq $0x0, FILE_POS(%rax)
	movq $0x0, FILE_FOP(%rax)
	movq $0x0, FILE_INODE(%rax)
	movq $0x0, FILE_POS_LOCK(%rax)
	movq $0x0, FILE_RA_PREV(%rax)
	movl %ebx, FILE_MODE(%rax)
	movl $0x0, FILE_ALLOW(%rax)
	movq $0x1, FILE_COUNT(%rax)
	lock incq nr_files(%rip)
.Lempty_file_none:
	popq %rbx
	ret
SYM_FUNC_END alloc_empty_file

/* The last reference ends the file at once. */
SYM_FUNC_START __fput_sync
	lock decq FILE_COUNT(%rdi)
	jne .Lfput_sync_held
	call __fput
.Lfput_sync_held:
	ret
SYM_FUNC_END __fput_sync

SYM_FUNC_START_LOCAL __fput
	pushq %rbx
	movq %rdi, %rbx
	testl $FMODE_OPENED, FILE_MODE(%rbx)
	je .Lfput_free
	movq FILE_FOP(%rbx), %rax
	movq FILE_INODE(%rbx), %rdi
	movq %rbx, %rsi
	call *FOP_RELEASE(%rax)
.Lfput_free:
	lock decq nr_files(%rip)
	leaq filp_cachep(%rip), %rdi
	movq %rbx, %rsi
	call kmem_cache_free
	popq %rbx
	ret
SYM_FUNC_END __fput
