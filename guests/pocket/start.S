/*
 * From reset to main(): machine mode hands everything to supervisor mode and is never entered again.
 * Source: privileged specification, 3.1 (machine CSRs), 3.7 (PMP); Sstc (menvcfg.STCE).
 */
    .section .text.start, "ax"
    .globl _start
    .type _start, @function
_start:
    csrr t0, mhartid
    bnez t0, park                   # one hart is enough for pocket

    li t0, -1                       # S-mode may reach all of memory: one NAPOT entry, RWX
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0

    li t0, 0xb1ff                   # every exception but the environment calls of S and M
    csrw medeleg, t0
    li t0, 0x222                    # supervisor software, timer and external interrupts
    csrw mideleg, t0
    li t0, 7                        # cycle, time and instret
    csrw mcounteren, t0
    li t0, 1
    slli t0, t0, 63                 # STCE: stimecmp belongs to S-mode
    csrs menvcfg, t0
    la t0, machine_trap
    csrw mtvec, t0

    li t0, 0x1800                   # MPP = S
    csrc mstatus, t0
    li t0, 0x0800
    csrs mstatus, t0
    la t0, supervisor
    csrw mepc, t0
    mret

supervisor:
    la sp, boot_stack_top
    la t0, bss_start
    la t1, bss_end
1:  bgeu t0, t1, 2f
    sd zero, 0(t0)
    addi t0, t0, 8
    j 1b
2:  li s0, 0                        # the end of every chain of frames
    call main
    .size _start, . - _start

    .type park, @function
park:
    wfi
    j park
    .size park, . - park

/* Nothing is left that could trap here; if it does, say so in the only way that needs no stack. */
    .balign 4
    .type machine_trap, @function
machine_trap:
    li t0, 0x100000                 # finisher: fail, code 2
    li t1, 0x23333
    sw t1, 0(t0)
    j machine_trap
    .size machine_trap, . - machine_trap

    .section .bss
    .balign 16
    .type boot_stack, @object
boot_stack:
    .skip 4096
    .size boot_stack, . - boot_stack
boot_stack_top:
