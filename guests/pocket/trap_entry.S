/* Saves the interrupted registers as a struct trap_frame on the task's own stack. */
    .text
    .balign 4
    .globl trap_entry
    .type trap_entry, @function
trap_entry:
    addi sp, sp, -272
    .irp n, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sd x\n, 8*\n(sp)
    .endr
    addi t0, sp, 272
    csrr t1, sepc
    csrr t2, sstatus
    sd t0, 8*2(sp)
    sd t1, 8*32(sp)
    sd t2, 8*33(sp)
    mv a0, sp
    call trap
    ld t1, 8*32(sp)                 # another task may have run meanwhile: set both again
    ld t2, 8*33(sp)
    csrw sepc, t1
    csrw sstatus, t2
    .irp n, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ld x\n, 8*\n(sp)
    .endr
    addi sp, sp, 272
    sret
    .size trap_entry, . - trap_entry
