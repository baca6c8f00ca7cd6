#pragma once
// The stack machine behind read_pickle: opcodes in pickle-impl.hpp, meanings of the known globals in pickle_calls-impl.hpp.
#include <initializer_list>
#include <utility>

#include <regulus/core/config.hpp>
#include <regulus/weights/bytes.hpp>
#include <regulus/weights/pickle_values.hpp>

namespace regulus::detail {

class PickleMachine {
public:
    using Handle = std::uint32_t;

    PickleMachine(const std::uint8_t* bytes, std::size_t size, std::size_t begin, std::uint64_t base, const std::string& who, PickleDialect dialect, const PickleLimits& limits)
        : bytes_(bytes), size_(size), at_(begin), base_(base), who_(who), dialect_(dialect), limits_(limits), decode_budget_(2 * size + 4096) {}

    Pickle run();

private:
    static constexpr Handle unset = 0xFFFFFFFF;

    [[noreturn]] void fail(const std::string& what) const { throw FileError(who_ + ", offset " + std::to_string(base_ + opcode_at_) + ": " + what); }

    // Reading the program.
    void step(std::uint8_t opcode);
    void step_data(std::uint8_t opcode);
    void step_calls(std::uint8_t opcode);
    template <class T> T number() {
        need(sizeof(T));
        const T value = load_little<T>(bytes_ + at_);
        at_ += sizeof(T);
        return value;
    }
    void need(std::uint64_t count) const {
        if (count > size_ - at_) fail("the pickle is cut short");
    }
    std::string_view take(std::uint64_t count);
    std::string_view line();
    std::string_view checked_utf8(std::string_view text) const;
    void decimal(std::string_view digits, bool long_suffix);
    void quoted_string(std::string_view quoted);
    void raw_unicode(std::string_view escaped);
    std::string& decoded(std::size_t size);

    // Stack and memo.
    Handle add(PickleKind kind);
    Handle pop();
    std::vector<Handle> pop_to_mark();
    void push(Handle handle);
    PickleNode& top();
    void put(std::uint64_t index);
    void get(std::uint64_t index);
    void push_text(PickleKind kind, std::string_view text);
    void push_items(PickleKind kind, std::vector<Handle> items);
    void push_integer(PickleKind kind, std::int64_t value);
    void push_global(std::string_view module, std::string_view name);
    void append_to(Handle container, const std::vector<Handle>& items, bool pairs);

    // Meanings.
    Handle call(Handle callable, Handle args);
    Handle call_torch(std::string_view name, Handle callable, Handle args);
    Handle call_numpy(std::string_view name, Handle callable, Handle args);
    Handle opaque(Handle callable, Handle args);
    Handle dict_from(Handle args);
    Handle encode(Handle args);
    Handle rebuild_tensor(const std::vector<Handle>& args, int version);
    Handle refused_tensor(std::string refusal);
    Handle scalar(Handle callable, Handle args);
    Handle array_from_buffer(const std::vector<Handle>& args);
    void build(Handle target, Handle state);
    void build_dtype(PickleDtype& dtype, const PickleNode& state) const;
    void build_array(PickleArray& array, const PickleNode& state);
    void set_array_type(PickleArray& array, Handle dtype) const;
    void set_array_data(PickleArray& array, Handle data);
    Handle persistent(Handle id);
    Shape shape_of(Handle handle, const char* what) const;
    std::int64_t integer_of(Handle handle, const char* what) const;
    void spend(std::size_t count);

    PickleNode& node(Handle handle) { return result_.nodes[handle]; }
    const PickleNode& node(Handle handle) const { return result_.nodes[handle]; }

    const std::uint8_t* bytes_;
    std::size_t size_;
    std::size_t at_;
    std::uint64_t base_;
    const std::string& who_;
    PickleDialect dialect_;
    PickleLimits limits_;
    std::size_t opcode_at_ = 0;
    std::size_t decode_budget_;
    std::size_t copies_ = 0;
    bool stopped_ = false;
    std::vector<Handle> stack_;
    std::vector<std::size_t> marks_;
    std::vector<Handle> memo_;
    std::size_t memoized_ = 0;
    Pickle result_;
};

}  // namespace regulus::detail
