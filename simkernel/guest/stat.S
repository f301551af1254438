/*
 * stat.S: what is known of a file (Linux: fs/stat.c, fs/ext4/inode.c).
 *
 *   long __x64_sys_newfstat(fd, struct stat *), int vfs_fstat(fd, kstat)              rdi rsi; 0 or -errno
 *   int vfs_getattr(inode, kstat), vfs_getattr_nosec(inode, kstat)                    rdi rsi
 *   int ext4_file_getattr(inode, kstat), ext4_getattr(inode, kstat); void generic_fillattr(inode, kstat)
 *   int cp_new_stat(kstat, struct stat *)
 *
 * struct kstat and struct stat here: ino, mode, size, atime, blocks; eight bytes each.
 */
.set KSTAT_INO, 0x0
.set KSTAT_MODE, 0x8
.set KSTAT_SIZE, 0x10
.set KSTAT_ATIME, 0x18
.set KSTAT_BLOCKS, 0x20
.set KSTAT_SIZEOF, 0x28

/* Collected in the kernel first: the caller's memory is written only if all went well. */
SYM_FUNC_START __x64_sys_newfstat
	pushq %rbx
	subq $KSTAT_SIZEOF, %rsp
	movq %rsi, %rbx
	movq %rsp, %rsi
	call vfs_fstat
	testl %eax, %eax
	jne .Lnewfstat_out
	movq %rsp, %rdi
	movq %rbx, %rsi
	call cp_new_stat
.Lnewfstat_out:
	cltq
	addq $KSTAT_SIZEOF, %rsp
	popq %rbx
	ret
SYM_FUNC_END __x64_sys_newfstat

/* Simplified: Linux calls fdget_raw(), which takes a file opened with O_PATH too, and not fdget(). */
SYM_FUNC_START vfs_fstat
	pushq %rsi
	call fdget
	popq %rsi
	testq %rax, %rax
	je .Lfstat_badf
	movq FILE_INODE(%rax), %rdi
	call vfs_getattr
	ret
.Lfstat_badf:
	movl $0xfffffff7, %eax
	ret
SYM_FUNC_END vfs_fstat

SYM_FUNC_START vfs_getattr
	pushq %rdi
	pushq %rsi
	call security_inode_getattr
	popq %rsi
	popq %rdi
	testl %eax, %eax
	jne .Lgetattr_refused
	call vfs_getattr_nosec
.Lgetattr_refused:
	ret
SYM_FUNC_END vfs_getattr

/* A file system that has nothing to say of its own leaves it to the generic part. */
SYM_FUNC_START vfs_getattr_nosec
	movq $0x0, KSTAT_BLOCKS(%rsi)
	movq INODE_FOP(%rdi), %rax
	movq FOP_GETATTR(%rax), %rax
	testq %rax, %rax
	je .Lgetattr_generic
	call *%rax
	ret
.Lgetattr_generic:
	call generic_fillattr
	xorl %eax, %eax
	ret
SYM_FUNC_END vfs_getattr_nosec

SYM_FUNC_START generic_fillattr
	movq INODE_INO(%rdi), %rax
	movq %rax, KSTAT_INO(%rsi)
	movq INODE_MODE(%rdi), %rax
	movq %rax, KSTAT_MODE(%rsi)
	movq INODE_SIZE(%rdi), %rdx
	movq %rdx, KSTAT_SIZE(%rsi)
	movq INODE_ATIME(%rdi), %rax
	movq %rax, KSTAT_ATIME(%rsi)
	ret
SYM_FUNC_END generic_fillattr

SYM_FUNC_START ext4_getattr
	call generic_fillattr
	xorl %eax, %eax
	ret
SYM_FUNC_END ext4_getattr

/* Blocks on the disk: 512 bytes each, of the folios that the size needs (delayed allocation is Linux's reason). */
SYM_FUNC_START ext4_file_getattr
	pushq %rdi
	pushq %rsi
	call ext4_getattr
	popq %rsi
	popq %rdi
	movq INODE_SIZE(%rdi), %rdx
	addq $0x1ff, %rdx
	shrq $0x9, %rdx
	movq %rdx, KSTAT_BLOCKS(%rsi)
	ret
SYM_FUNC_END ext4_file_getattr

SYM_FUNC_START_LOCAL cp_new_stat
	xorl %ecx, %ecx
.Lcp_stat_word:
	movq (%rdi,%rcx), %rax
	movq %rax, (%rsi,%rcx)
	addl $0x8, %ecx
	cmpl $KSTAT_SIZEOF, %ecx
	jb .Lcp_stat_word
	xorl %eax, %eax
	ret
SYM_FUNC_END cp_new_stat
