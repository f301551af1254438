/*
 * socket.S: making a socket, and the question whether one may (Linux: net/socket.c, security/apparmor/net.c, lsm.c).
 *
 *   long __x64_sys_socket(family, type, protocol), int __sys_socket(...)     rdi rsi rdx; rax fd or -errno
 *   int sock_create(family, type, protocol), __sock_create(...)              0 or -errno
 *   struct file *sock_alloc_file(void), int sock_close(inode, file)
 *   int security_socket_create(family, type, protocol), apparmor_socket_create(...)
 *   int aa_af_perm(label, op, request, family, type), aa_profile_af_perm(profile, family, request)
 *   int aa_check_perms(profile, perms, request)
 *
 * Simplified: a socket can be made and closed; nothing is ever sent.
 */
.set AF_UNIX, 0x1
.set AF_INET, 0x2
.set AF_MAX, 0x2e
.set AA_MAY_CREATE, 0x10

SYM_FUNC_START __x64_sys_socket
	movl %edi, %edi
	movl %esi, %esi
	call __sys_socket
	movslq %eax, %rax
	ret
SYM_FUNC_END __x64_sys_socket

/*
 * sock_map_fd(): a number, then a file, then the one gets the other. Simplified: __sys_socket_create() calls
 * sock_create() in Linux.
 */
SYM_FUNC_START __sys_socket
	pushq %rbx
	pushq %r12
	call sock_create
	testl %eax, %eax
	jne .Lsys_socket_out
	xorl %edi, %edi
	call get_unused_fd_flags
	testl %eax, %eax
	js .Lsys_socket_release
	movl %eax, %ebx
	call sock_alloc_file
	testq %rax, %rax
	je .Lsys_socket_put
	movq %rax, %rsi
	movl %ebx, %edi
	call fd_install
	movl %ebx, %eax
	jmp .Lsys_socket_out
.Lsys_socket_put:
	movl %ebx, %edi
	call put_unused_fd
	movl $0xfffffff4, %eax
.Lsys_socket_release:
	lock decq sockets_in_use(%rip)
.Lsys_socket_out:
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END __sys_socket

SYM_FUNC_START sock_create
	xorl %ecx, %ecx
	call __sock_create
	ret
SYM_FUNC_END sock_create

/* Range, then permission, then whether any protocol family of that number is there. */
SYM_FUNC_START __sock_create
	pushq %rbx
	movl %edi, %ebx
	movl $0xffffff9f, %eax
	cmpl $AF_MAX, %ebx
	jae .Lsock_create_out
	call security_socket_create
	testl %eax, %eax
	jne .Lsock_create_out
	movl $0xffffff9f, %eax
	decl %ebx
	cmpl $AF_INET - 0x1, %ebx
	ja .Lsock_create_out
	lock incq sockets_in_use(%rip)
	xorl %eax, %eax
.Lsock_create_out:
	popq %rbx
	ret
SYM_FUNC_END __sock_create

/* Simplified: in Linux alloc_file_pseudo() calls alloc_empty_file(), for an inode that each socket has of its own. */
SYM_FUNC_START sock_alloc_file
	movl $FMODE_READ + FMODE_WRITE, %edi
	call alloc_empty_file
	testq %rax, %rax
	je .Lsock_alloc_none
	leaq socket_file_ops(%rip), %rdx
	movq %rdx, FILE_FOP(%rax)
	leaq socket_inode(%rip), %rdx
	movq %rdx, FILE_INODE(%rax)
	orl $FMODE_OPENED, FILE_MODE(%rax)
.Lsock_alloc_none:
	ret
SYM_FUNC_END sock_alloc_file

SYM_FUNC_START_LOCAL sock_close
	lock decq sockets_in_use(%rip)
	xorl %eax, %eax
	ret
SYM_FUNC_END sock_close

SYM_FUNC_START security_socket_create
	call apparmor_socket_create
	ret
SYM_FUNC_END security_socket_create

/* The kernel itself and who is unconfined may make any. */
SYM_FUNC_START_LOCAL apparmor_socket_create
	xorl %eax, %eax
	testl %ecx, %ecx
	jne .Lsocket_create_may
	GET_CURRENT %rcx
	movq TASK_FILES(%rcx), %rcx
	movq FILES_PROFILE(%rcx), %rcx
	testq %rcx, %rcx
	je .Lsocket_create_may
	movl %esi, %r8d
	movl %edi, %r9d
	movq %rcx, %rdi
	xorl %esi, %esi
	movl $AA_MAY_CREATE, %edx
	movl %r9d, %ecx
	call aa_af_perm
.Lsocket_create_may:
	ret
SYM_FUNC_END apparmor_socket_create

/* The exhibit. A label may be several profiles, all of which must allow it (fn_for_each_confined); here it is one. */
SYM_FUNC_START aa_af_perm
	shlq $0x5, %rdi
	leaq aa_profiles(%rip), %rax
	addq %rax, %rdi
	movl %ecx, %esi
	call aa_profile_af_perm
	ret
SYM_FUNC_END aa_af_perm

/* rdi profile, esi family, edx request: the family's bit stands for a grant of everything. */
SYM_FUNC_START aa_profile_af_perm
	movq PROFILE_NET(%rdi), %rax
	movl %esi, %ecx
	shrq %cl, %rax
	andl $0x1, %eax
	negl %eax
	movl %eax, %esi
	call aa_check_perms
	ret
SYM_FUNC_END aa_profile_af_perm

/* rdi profile, esi perms, edx request: what is asked and not granted is denied and counted (audit). */
SYM_FUNC_START aa_check_perms
	lock incq PROFILE_CHECKS(%rdi)
	xorl %eax, %eax
	notl %esi
	andl %esi, %edx
	je .Lcheck_perms_ok
	lock incq PROFILE_DENIED(%rdi)
	movl $0xfffffff3, %eax
.Lcheck_perms_ok:
	ret
SYM_FUNC_END aa_check_perms
