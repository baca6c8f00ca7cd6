// main() of test_amx: doctest's handlers of signals would take the place of the emulation's.
#define DOCTEST_CONFIG_NO_POSIX_SIGNALS
#include "../main.cpp"
