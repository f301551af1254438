/*
 * namei.S: from a path to a dentry (Linux: fs/namei.c, fs/dcache.c).
 *
 *   struct filename *getname(const char *), *getname_flags(filename, flags); void putname(struct filename *)
 *   int link_path_walk(struct nameidata *)               rdi; hashes the name into it; 0 or -ENOENT for an empty path
 *   struct dentry *lookup_fast(struct nameidata *), *__d_lookup(parent, struct qstr *)   rdi, rdi rsi; rax 0: none
 *
 * Simplified: a whole path is one name of one directory, so the walk has one step.
 */
.set ND_NAME, 0x0
.set ND_HASH, 0x8
.set ND_LEN, 0x10
.set ND_DENTRY, 0x18
.set FILENAME_LEN, 0x0
.set FILENAME_NAME, 0x8
.set FILENAME_MAX, 0x30
.set DENTRY_NEXT, 0x0
.set DENTRY_HASH, 0x8
.set DENTRY_LEN, 0xc
.set DENTRY_NAME, 0x10
.set DENTRY_INODE, 0x20
.set DENTRY_HITS, 0x28

SYM_FUNC_START getname
	xorl %esi, %esi
	call getname_flags
	ret
SYM_FUNC_END getname

/* The copy (strncpy_from_user) makes sure that the name cannot change under the kernel's eyes. */
SYM_FUNC_START getname_flags
	pushq %rbx
	movq %rdi, %rbx
	leaq names_cachep(%rip), %rdi
	call kmem_cache_alloc_noprof
	testq %rax, %rax
	je .Lgetname_nomem
	xorl %ecx, %ecx
	movq $0x0, FILENAME_NAME(%rax)
	movq $0x0, FILENAME_NAME + 0x8(%rax)
.Lgetname_byte:
	movb (%rbx,%rcx), %dl
	movb %dl, FILENAME_NAME(%rax,%rcx)
	testb %dl, %dl
	je .Lgetname_end
	incl %ecx
	cmpl $0xf, %ecx
	jb .Lgetname_byte
.Lgetname_end:
	movq %rcx, FILENAME_LEN(%rax)
	popq %rbx
	ret
.Lgetname_nomem:
	movq $ENOMEM, %rax
	popq %rbx
	ret
SYM_FUNC_END getname_flags

SYM_FUNC_START putname
	movq %rdi, %rsi
	leaq names_cachep(%rip), %rdi
	call kmem_cache_free
	ret
SYM_FUNC_END putname

/*
 * hash_name(): eight bytes a round, mixed as HASH_MIX of fs/namei.c does, folded to 32 bits. x r8, y r9. The salt is
 * the parent in Linux, 0 here. Names lie in whole words that end in zeroes, so no byte has to be masked off.
 * The suffixes are gcc's: `.part.0` is what it did not inline into the callers (link_path_walk() begins with tests that
 * it did), `.constprop.0` a copy for arguments that are known.
 */
SYM_FUNC_START_LOCAL link_path_walk.part.0.constprop.0
	movq ND_NAME(%rdi), %rsi
	movq FILENAME_LEN(%rsi), %rdx
	movq %rdx, ND_LEN(%rdi)
	movl $0xfffffffe, %eax
	testq %rdx, %rdx
	je .Lpath_walk_out
	xorl %r8d, %r8d
	xorl %r9d, %r9d
	addq $FILENAME_NAME, %rsi
.Lpath_walk_word:
	xorq (%rsi), %r8
	cmpq $0x8, %rdx
	jb .Lpath_walk_fold
	xorq %r8, %r9
	rolq $0xc, %r8
	addq %r9, %r8
	rolq $0x2d, %r9
	leaq (%r9,%r9,0x8), %r9
	addq $0x8, %rsi
	subq $0x8, %rdx
	jne .Lpath_walk_word
.Lpath_walk_fold:
	movabsq $0x61c8864680b583eb, %rcx
	imulq %rcx, %r8
	xorq %r8, %r9
	imulq %rcx, %r9
	shrq $0x20, %r9
	movl %r9d, ND_HASH(%rdi)
	xorl %eax, %eax
.Lpath_walk_out:
	ret
SYM_FUNC_END link_path_walk.part.0.constprop.0

SYM_FUNC_START_LOCAL lookup_fast
	pushq %rbx
	movq %rdi, %rbx
	movq %rdi, %rsi
	leaq dentry_hashtable(%rip), %rdi
	call __d_lookup
	movq %rax, ND_DENTRY(%rbx)
	popq %rbx
	ret
SYM_FUNC_END lookup_fast

/* Hash first, then length, then the bytes. The chain is read under RCU: here that means preemption off. */
SYM_FUNC_START __d_lookup
	PREEMPT_DISABLE
	movl ND_HASH(%rsi), %edx
	movq ND_LEN(%rsi), %rcx
	movq ND_NAME(%rsi), %rsi
	movl %edx, %eax
	andl $0x3, %eax
	movq (%rdi,%rax,0x8), %rax
.Ld_lookup_next:
	testq %rax, %rax
	je .Ld_lookup_out
	cmpl %edx, DENTRY_HASH(%rax)
	jne .Ld_lookup_not
	cmpl %ecx, DENTRY_LEN(%rax)
	jne .Ld_lookup_not
	movq FILENAME_NAME(%rsi), %r8
	cmpq %r8, DENTRY_NAME(%rax)
	jne .Ld_lookup_not
	movq FILENAME_NAME + 0x8(%rsi), %r8
	cmpq %r8, DENTRY_NAME + 0x8(%rax)
	je .Ld_lookup_found
.Ld_lookup_not:
	movq DENTRY_NEXT(%rax), %rax
	jmp .Ld_lookup_next
.Ld_lookup_found:
	lock incq DENTRY_HITS(%rax)
.Ld_lookup_out:
	PREEMPT_ENABLE d_lookup
	ret
SYM_FUNC_END __d_lookup
