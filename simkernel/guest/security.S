/*
 * security.S: may it? Hooks and one module behind them (Linux: security/security.c, security/apparmor/).
 *
 *   int security_file_permission(file, mask), security_file_open(file), security_inode_getattr(inode)
 *   int apparmor_file_permission(file, mask), common_file_perm(op, file, mask), aa_file_perm(...)   rdi rsi ...
 *   int apparmor_file_open(file), apparmor_inode_getattr(inode), common_perm_cond(op, inode, mask)
 *   int aa_path_perm(label, inode, request, u32 *perms)                                            0 or -EACCES
 *
 * A task's label is its profile: an index in aa_profiles, 0 = unconfined. For each kind of file (INODE_RULE) the
 * profile has a byte: MAY_READ, MAY_WRITE, MAY_GETATTR. Simplified: Linux matches the path with a state machine.
 */
.set PROFILE_FILE, 0x0
.set PROFILE_NET, 0x8
.set PROFILE_DENIED, 0x10
.set PROFILE_CHECKS, 0x18
.set RULE_PASSWD, 0x0
.set RULE_SHADOW, 0x1
.set RULE_TMP, 0x2
.set RULE_NO_PATH, 0x3

/* One call for each module that is loaded: here one. */
SYM_FUNC_START security_file_permission
	call apparmor_file_permission
	ret
SYM_FUNC_END security_file_permission

SYM_FUNC_START_LOCAL apparmor_file_permission
	movl %esi, %edx
	movq %rdi, %rsi
	leaq op_file_perm(%rip), %rdi
	call common_file_perm
	ret
SYM_FUNC_END apparmor_file_permission

/* The label of the current task is held while it is used (begin_current_label_crit_section). */
SYM_FUNC_START_LOCAL common_file_perm
	incq %gs:PCPU_AA_CHECKS
	GET_CURRENT %rax
	movq TASK_FILES(%rax), %rax
	movq FILES_PROFILE(%rax), %rdi
	call aa_file_perm
	ret
SYM_FUNC_END common_file_perm

/*
 * What was granted at open is remembered in the file; only more than that needs a look. rdi label, rsi file, edx.
 * Simplified: in Linux __file_path_perm() does it for each profile of the label, and aa_path_perm() is for paths
 * without a file.
 */
SYM_FUNC_START aa_file_perm
	movl FILE_ALLOW(%rsi), %eax
	notl %eax
	andl %edx, %eax
	testq %rdi, %rdi
	je .Lfile_perm_granted
	testl %eax, %eax
	je .Lfile_perm_granted
	movq FILE_INODE(%rsi), %rsi
	subq $0x8, %rsp
	movq %rsp, %rcx
	call aa_path_perm
	addq $0x8, %rsp
	ret
.Lfile_perm_granted:
	xorl %eax, %eax
	ret
SYM_FUNC_END aa_file_perm

/* rdi label, rsi inode, edx request, rcx where to leave what the profile grants for such a file. */
SYM_FUNC_START aa_path_perm
	shlq $0x5, %rdi
	leaq aa_profiles(%rip), %rax
	addq %rax, %rdi
	lock incq PROFILE_CHECKS(%rdi)
	movq INODE_RULE(%rsi), %rax
	movzbl PROFILE_FILE(%rdi,%rax), %eax
	movl %eax, (%rcx)
	notl %eax
	andl %edx, %eax
	je .Lpath_perm_out
	lock incq PROFILE_DENIED(%rdi)
	movl $0xfffffff3, %eax
.Lpath_perm_out:
	ret
SYM_FUNC_END aa_path_perm

SYM_FUNC_START security_file_open
	call apparmor_file_open
	ret
SYM_FUNC_END security_file_open

/* From the mode it was opened with to what is asked of the profile; the answer stays in the file. */
SYM_FUNC_START_LOCAL apparmor_file_open
	pushq %rbx
	movq %rdi, %rbx
	movl FILE_MODE(%rbx), %eax
	andl $FMODE_WRITE, %eax
	movl %eax, %edx
	testl $FMODE_READ, FILE_MODE(%rbx)
	je .Lfile_open_mask
	orl $MAY_READ, %edx
.Lfile_open_mask:
	GET_CURRENT %rax
	movq TASK_FILES(%rax), %rax
	movq FILES_PROFILE(%rax), %rdi
	movq FILE_INODE(%rbx), %rsi
	leaq FILE_ALLOW(%rbx), %rcx
	call aa_path_perm
	popq %rbx
	ret
SYM_FUNC_END apparmor_file_open

SYM_FUNC_START security_inode_getattr
	call apparmor_inode_getattr
	ret
SYM_FUNC_END security_inode_getattr

SYM_FUNC_START_LOCAL apparmor_inode_getattr
	movq %rdi, %rsi
	movl $MAY_GETATTR, %edx
	leaq op_getattr(%rip), %rdi
	call common_perm_cond
	ret
SYM_FUNC_END apparmor_inode_getattr

/*
 * Only what lies in a file system that can be named is mediated: a pipe or a socket has no path. Simplified:
 * common_perm() calls aa_path_perm() in Linux.
 */
SYM_FUNC_START_LOCAL common_perm_cond
	xorl %eax, %eax
	cmpq $RULE_NO_PATH, INODE_RULE(%rsi)
	je .Lperm_cond_out
	GET_CURRENT %rcx
	movq TASK_FILES(%rcx), %rcx
	movq FILES_PROFILE(%rcx), %rdi
	pushq %rax
	movq %rsp, %rcx
	call aa_path_perm
	addq $0x8, %rsp
.Lperm_cond_out:
	ret
SYM_FUNC_END common_perm_cond

/*
 * Bytes: /etc/passwd, /etc/shadow, /tmp/log, no path. Profile 0 allows all (unconfined); 1 is cat: it reads, sees no
 * secrets and no network (family bits); 2 is sshd: it reads all and has AF_INET alone.
 */
.data
SYM_DATA_START_LOCAL aa_profiles
	.byte 0xe, 0xe, 0xe, 0xe, 0xe, 0xe, 0xe, 0xe
	.quad 0xffffffffffffffff, 0x0, 0x0
	.byte 0xc, 0x0, 0xc, 0x6, 0x0, 0x0, 0x0, 0x0
	.quad 0x0, 0x0, 0x0
	.byte 0xc, 0xc, 0xe, 0x6, 0x0, 0x0, 0x0, 0x0
	.quad 0x4, 0x0, 0x0
SYM_DATA_END aa_profiles
SYM_DATA_START_LOCAL op_file_perm
	.asciz "file_perm"
SYM_DATA_END op_file_perm
SYM_DATA_START_LOCAL op_getattr
	.asciz "getattr"
SYM_DATA_END op_getattr
.text
