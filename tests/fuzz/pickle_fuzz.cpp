// Pickles. A first byte 'Z' makes the rest data.pkl of a well-formed torch zip with two storages; everything else is a whole file, as detectron2 and Caffe2 write them.
#include "fuzz_file.hpp"

#include "../weights/pickle_assembler.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    if (size != 0 && bytes[0] == 'Z') {
        const std::string file = regulus::testing::zip(regulus::testing::records(std::string(reinterpret_cast<const char*>(bytes + 1), size - 1)));
        regulus::fuzz::read_everything(reinterpret_cast<const std::uint8_t*>(file.data()), file.size());
    } else {
        regulus::fuzz::read_everything(bytes, size);
    }
    return 0;
}
