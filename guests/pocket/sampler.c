/* Reads a sensor a thousand times a second, smooths it, and keeps the times of the first alarms. */
#include "kernel.h"

#define WINDOW 64 /* readings that the mean is taken over */
#define REPORT 100
#define ALARMS 16
#define ALARM_LEVEL 910

static struct {
  uint64_t noise; /* state of the sensor: xorshift64 */
  uint32_t window[WINDOW];
  uint64_t readings;
  uint64_t *alarm_at; /* the times of the first ALARMS alarms */
  uint64_t alarms;    /* how many of them there are */
} sampler;

void sampler_init(void) {
  sampler.noise = 0x9e3779b97f4a7c15;
  sampler.alarm_at = heap_alloc(ALARMS * sizeof *sampler.alarm_at);
}

/* 0 to 999; a typed character takes the place of one reading. */
static uint32_t read_sensor(void) {
  sampler.noise ^= sampler.noise << 13;
  sampler.noise ^= sampler.noise >> 7;
  sampler.noise ^= sampler.noise << 17;
  int typed = console_getc();
  if (typed == 'q') {
    print("pocket: powering off\n");
    power_off();
  }
  return typed >= 0 ? (uint32_t)typed * 7 : sampler.noise % 1000;
}

static uint64_t mean(void) {
  uint64_t sum = 0;
  for (unsigned i = 0; i < WINDOW; i++) sum += sampler.window[i];
  return sum / WINDOW;
}

static void note_alarm(uint64_t now) {
  if (sampler.alarms <= ALARMS) sampler.alarm_at[sampler.alarms++] = now;
}

void sampler_run(void) {
  for (;;) {
    uint32_t level = read_sensor();
    sampler.window[sampler.readings++ % WINDOW] = level;
    if (level >= ALARM_LEVEL) note_alarm(timer_now());
    uint64_t smooth = mean();
    if (sampler.readings % REPORT == 0)
      print("sampler: %lu readings, mean %lu, last %lu\n", sampler.readings, smooth,
            (uint64_t)level);
    task_sleep(1);
  }
}
