/*
 * From reset to main() on hart 0, in machine mode, with the floating-point unit on. The other harts
 * wait until .bss is clear and then run secondary(hart), if the program has one.
 */
    .section .text.start, "ax"
    .globl _start
    .type _start, @function
_start:
    csrr a0, mhartid
    li t0, 0x2000                   # mstatus.FS = initial
    csrs mstatus, t0
    la sp, stacks_top               # 16 KiB for each hart
    slli t0, a0, 14
    sub sp, sp, t0
    la t2, released
    bnez a0, 3f

    la t0, bss_start
    la t1, bss_end
1:  bgeu t0, t1, 2f
    sd zero, 0(t0)
    addi t0, t0, 8
    j 1b
2:  fence rw, w
    li t0, 1
    sw t0, 0(t2)
    call main
    call finish

3:  lw t0, 0(t2)
    beqz t0, 3b
    fence r, rw
    call secondary
4:  wfi
    j 4b
    .size _start, . - _start

    .weak secondary
    .type secondary, @function
secondary:
    ret
    .size secondary, . - secondary

    .data
    .balign 4
released:
    .word 0

    .section .bss
    .balign 16
    .skip 8 * 16384
stacks_top:
