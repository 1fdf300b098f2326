/* Control and status registers as C expressions. Source: RISC-V privileged specification. */
#ifndef RISCV_H
#define RISCV_H

#define csr_read(csr)                                         \
  ({                                                          \
    unsigned long value_;                                     \
    asm volatile("csrr %0, " #csr : "=r"(value_) : : "memory"); \
    value_;                                                   \
  })
#define csr_write(csr, value) asm volatile("csrw " #csr ", %0" : : "r"(value) : "memory")
#define csr_set(csr, bits) asm volatile("csrs " #csr ", %0" : : "r"(bits) : "memory")
#define csr_clear(csr, bits)                                                            \
  ({                                                                                    \
    unsigned long value_;                                                               \
    asm volatile("csrrc %0, " #csr ", %1" : "=r"(value_) : "r"(bits) : "memory");        \
    value_;                                                                             \
  })

#define SSTATUS_SIE (1UL << 1)
#define SIE_STIE (1UL << 5)
#define SIE_SEIE (1UL << 9)

#define SCAUSE_INTERRUPT (1UL << 63)
#define SCAUSE_TIMER 5
#define SCAUSE_EXTERNAL 9

#define SATP_SV39 (8UL << 60)

#endif
