// A library with the functions of NVML that the program asks for: two GPUs, one of them without an energy counter. Each
// reading of the other finds 1500 mJ more.
extern "C" {
int nvmlInit_v2() { return 0; }
int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = 2;
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  static int devices[2];
  *device = &devices[index];
  devices[index] = static_cast<int>(index);
  return 0;
}
int nvmlDeviceGetTotalEnergyConsumption(void* device, unsigned long long* millijoules) {
  static unsigned long long counted = 1000000;
  if (*static_cast<int*>(device) == 0) return 3;  // not supported
  *millijoules = counted += 1500;
  return 0;
}
}
