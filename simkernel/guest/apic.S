/*
 * apic.S: the tick's interrupt (Linux: arch/x86/kernel/apic/apic.c). It comes while IF=1, at a fixed period, once the
 * CPU is online. What it does is in time.S; whether the interrupted task is preempted, irqentry_exit decides.
 */
DEFINE_IDTENTRY_SYSVEC sysvec_apic_timer_interrupt

/*
 * __sysvec_apic_timer_interrupt(regs): rdi. set_irq_regs(): what was interrupted, user or kernel, for the accounting;
 * IRQENTRY_ENTER has left it two words below regs. Simplified: no APIC to be acknowledged.
 */
SYM_FUNC_START_LOCAL __sysvec_apic_timer_interrupt
	movq -0x10(%rdi), %rax
	movq %rax, %gs:PCPU_IRQ_USER
	xorl %edi, %edi
	call hrtimer_interrupt
	ret
SYM_FUNC_END __sysvec_apic_timer_interrupt
