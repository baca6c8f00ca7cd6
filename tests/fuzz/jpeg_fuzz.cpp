// JPEG files and the EXIF block inside them.
#include "fuzz_picture.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    regulus::fuzz::read_picture({bytes, size});
    return 0;
}
