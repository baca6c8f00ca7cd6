#pragma once
#include <regulus/weights/pickle.hpp>

#include <bit>
#include <charconv>
#include <cmath>

#include <regulus/core/real_number.hpp>
#include <regulus/core/utf8.hpp>
#include <regulus/weights/pickle_machine.hpp>

namespace regulus::detail {

REGULUS_INLINE Pickle read_pickle(const std::uint8_t* bytes, std::size_t size, std::size_t begin, std::uint64_t base, const std::string& who, PickleDialect dialect, const PickleLimits& limits) {
    return PickleMachine(bytes, size, begin, base, who, dialect, limits).run();
}

REGULUS_INLINE Pickle PickleMachine::run() {
    for (std::size_t count = 0; !stopped_; ++count) {
        opcode_at_ = at_;
        if (count == limits_.opcodes) fail("the pickle has more than " + std::to_string(limits_.opcodes) + " opcodes");
        need(1);
        step(bytes_[at_++]);
    }
    result_.end = at_;
    return std::move(result_);
}

// ---- reading the program ----

REGULUS_INLINE std::string_view PickleMachine::take(std::uint64_t count) {
    need(count);
    const std::string_view text(reinterpret_cast<const char*>(bytes_ + at_), static_cast<std::size_t>(count));
    at_ += static_cast<std::size_t>(count);
    return text;
}

REGULUS_INLINE std::string_view PickleMachine::line() {
    const std::string_view rest(reinterpret_cast<const char*>(bytes_ + at_), size_ - at_);
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) fail("the pickle is cut short");
    at_ += end + 1;
    return rest.substr(0, end);
}

REGULUS_INLINE std::string_view PickleMachine::checked_utf8(std::string_view text) const {
    if (invalid_utf8_at(text) != text.size()) fail("a text is not UTF-8");
    return text;
}

REGULUS_INLINE void PickleMachine::decimal(std::string_view digits, bool long_suffix) {
    if (long_suffix && !digits.empty() && digits.back() == 'L') digits.remove_suffix(1);
    if (!long_suffix && (digits == "00" || digits == "01")) return push_integer(PickleKind::boolean, digits == "01");
    std::string_view unsigned_digits = digits;
    if (!unsigned_digits.empty() && unsigned_digits.front() == '-') unsigned_digits.remove_prefix(1);
    if (unsigned_digits.empty() || unsigned_digits.find_first_not_of("0123456789") != std::string_view::npos) fail("expected a decimal number");
    std::int64_t value = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec == std::errc()) return push_integer(PickleKind::integer, value);
    push_text(PickleKind::big_integer, digits);
}

REGULUS_INLINE std::string& PickleMachine::decoded(std::size_t size) {
    if (size > decode_budget_) fail("decoding texts would take more memory than twice the file's size");
    decode_budget_ -= size;
    result_.texts.emplace_back();
    result_.texts.back().reserve(size);
    return result_.texts.back();
}

// Python 2's repr of a byte string: STRING of protocol 0.
REGULUS_INLINE void PickleMachine::quoted_string(std::string_view quoted) {
    if (quoted.size() < 2 || quoted.front() != quoted.back() || (quoted.front() != '\'' && quoted.front() != '"')) fail("a STRING without its quotes");
    quoted = quoted.substr(1, quoted.size() - 2);
    std::string& out = decoded(quoted.size());
    for (std::size_t i = 0; i < quoted.size(); ++i) {
        if (quoted[i] != '\\') {
            out += quoted[i];
            continue;
        }
        if (++i == quoted.size()) fail("a STRING ends within an escape");
        switch (quoted[i]) {
            case '\\': case '\'': case '"': out += quoted[i]; break;
            case 'n': out += '\n'; break;
            case 'r': out += '\r'; break;
            case 't': out += '\t'; break;
            case 'x': {
                unsigned value = 0;
                const char* const digits = quoted.data() + i + 1;
                if (quoted.size() - i < 3 || std::from_chars(digits, digits + 2, value, 16).ptr != digits + 2) fail("a STRING with a broken escape");
                out += static_cast<char>(value);
                i += 2;
                break;
            }
            default: fail("a STRING with an unknown escape");
        }
    }
    push_text(PickleKind::bytes, out);
}

// Python 2's raw-unicode-escape: UNICODE of protocol 0. Bytes are Latin-1, \uXXXX and \UXXXXXXXX stand for themselves.
REGULUS_INLINE void PickleMachine::raw_unicode(std::string_view escaped) {
    std::string& out = decoded(2 * escaped.size());
    for (std::size_t i = 0; i < escaped.size(); ++i) {
        std::uint32_t code = static_cast<std::uint8_t>(escaped[i]);
        if (code == '\\' && i + 1 < escaped.size() && (escaped[i + 1] == 'u' || escaped[i + 1] == 'U')) {
            const std::size_t digits = escaped[i + 1] == 'u' ? 4 : 8;
            const char* const first = escaped.data() + i + 2;
            const bool enough = escaped.size() - i - 2 >= digits;
            if (!enough || std::from_chars(first, first + digits, code, 16).ptr != first + digits || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) fail("a UNICODE with a broken escape");
            i += 1 + digits;
        }
        append_utf8(out, code);
    }
    push_text(PickleKind::text, out);
}

// ---- stack and memo ----

REGULUS_INLINE PickleMachine::Handle PickleMachine::add(PickleKind kind) {
    result_.nodes.emplace_back();
    result_.nodes.back().kind = kind;
    return static_cast<Handle>(result_.nodes.size() - 1);
}

REGULUS_INLINE void PickleMachine::push(Handle handle) {
    if (stack_.size() + marks_.size() >= limits_.stack) fail("the pickle's stack holds more than " + std::to_string(limits_.stack) + " values");
    stack_.push_back(handle);
}

REGULUS_INLINE PickleMachine::Handle PickleMachine::pop() {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) fail("an opcode needs a value and the stack is empty");
    const Handle handle = stack_.back();
    stack_.pop_back();
    return handle;
}

REGULUS_INLINE PickleNode& PickleMachine::top() {
    const Handle handle = pop();
    stack_.push_back(handle);
    return node(handle);
}

REGULUS_INLINE std::vector<PickleMachine::Handle> PickleMachine::pop_to_mark() {
    if (marks_.empty()) fail("an opcode needs a MARK and there is none");
    std::vector<Handle> items(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
}

REGULUS_INLINE void PickleMachine::put(std::uint64_t index) {
    if (index >= limits_.memo) fail("memo index " + std::to_string(index) + " is beyond the limit of " + std::to_string(limits_.memo));
    top();
    if (index >= memo_.size()) memo_.resize(static_cast<std::size_t>(index) + 1, unset);
    Handle& slot = memo_[static_cast<std::size_t>(index)];
    if (slot == unset) ++memoized_;
    slot = stack_.back();
}

REGULUS_INLINE void PickleMachine::get(std::uint64_t index) {
    if (index >= memo_.size() || memo_[static_cast<std::size_t>(index)] == unset) fail("memo index " + std::to_string(index) + " was never stored");
    push(memo_[static_cast<std::size_t>(index)]);
}

REGULUS_INLINE void PickleMachine::push_text(PickleKind kind, std::string_view text) {
    const Handle handle = add(kind);
    node(handle).text = text;
    push(handle);
}

REGULUS_INLINE void PickleMachine::push_items(PickleKind kind, std::vector<Handle> items) {
    const Handle handle = add(kind);
    node(handle).items = std::move(items);
    push(handle);
}

REGULUS_INLINE void PickleMachine::push_integer(PickleKind kind, std::int64_t value) {
    const Handle handle = add(kind);
    node(handle).integer = value;
    push(handle);
}

REGULUS_INLINE void PickleMachine::push_global(std::string_view module, std::string_view name) {
    if (module.size() > 1024 || name.size() > 1024 || module.empty() || name.empty()) fail("a global with an impossible name");
    checked_utf8(module);
    checked_utf8(name);
    const Handle handle = add(PickleKind::global);
    const Handle second = add(PickleKind::text);
    node(second).text = name;
    node(handle).text = module;
    node(handle).items.push_back(second);
    push(handle);
}

REGULUS_INLINE void PickleMachine::append_to(Handle container, const std::vector<Handle>& items, bool pairs) {
    PickleNode& target = node(container);
    const bool fits = target.kind == PickleKind::object || target.kind == (pairs ? PickleKind::dict : PickleKind::list);
    if (!fits) fail(pairs ? "items are set on what is no dict" : "values are appended to what is no list");
    if (pairs && items.size() % 2 != 0) fail("a dict gets a key without a value");
    target.items.insert(target.items.end(), items.begin(), items.end());
}

// ---- opcodes ----

REGULUS_INLINE void PickleMachine::step(std::uint8_t opcode) {
    switch (opcode) {
        case '(':
            if (stack_.size() + marks_.size() >= limits_.stack) fail("the pickle's stack holds more than " + std::to_string(limits_.stack) + " values");
            return marks_.push_back(stack_.size());
        case '.':
            result_.root = pop();
            stopped_ = true;
            return;
        case '0':
            if (!marks_.empty() && marks_.back() == stack_.size()) return marks_.pop_back();
            pop();
            return;
        case '1': pop_to_mark(); return;
        case '2':
            top();
            return push(stack_.back());
        case 0x80:
            if (number<std::uint8_t>() > 5) fail("the pickle protocol is newer than 5");
            return;
        case 0x95: {
            const std::uint64_t length = number<std::uint64_t>();
            return need(length);
        }
        case 'p': case 'g': {
            std::uint64_t index = 0;
            const std::string_view digits = line();
            const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), index);
            if (digits.empty() || result.ec != std::errc() || result.ptr != digits.data() + digits.size()) fail("expected a memo index");
            return opcode == 'p' ? put(index) : get(index);
        }
        case 'q': return put(number<std::uint8_t>());
        case 'r': return put(number<std::uint32_t>());
        case 0x94: return put(memoized_);
        case 'h': return get(number<std::uint8_t>());
        case 'j': return get(number<std::uint32_t>());
        default: return step_data(opcode);
    }
}

REGULUS_INLINE void PickleMachine::step_data(std::uint8_t opcode) {
    switch (opcode) {
        case 'N': return push(add(PickleKind::none));
        case 0x88: return push_integer(PickleKind::boolean, 1);
        case 0x89: return push_integer(PickleKind::boolean, 0);
        case 'I': return decimal(line(), false);
        case 'L': return decimal(line(), true);
        case 'J': return push_integer(PickleKind::integer, static_cast<std::int32_t>(number<std::uint32_t>()));
        case 'K': return push_integer(PickleKind::integer, number<std::uint8_t>());
        case 'M': return push_integer(PickleKind::integer, number<std::uint16_t>());
        case 0x8A: case 0x8B: {
            const std::uint32_t length = opcode == 0x8A ? number<std::uint8_t>() : number<std::uint32_t>();
            const std::string_view digits = take(length);
            if (length > 8) return push_text(PickleKind::big_integer, digits);
            std::uint64_t value = length != 0 && (digits.back() & 0x80) != 0 ? ~std::uint64_t(0) : 0;
            for (std::size_t i = length; i-- > 0;) value = value << 8 | static_cast<std::uint8_t>(digits[i]);
            return push_integer(PickleKind::integer, static_cast<std::int64_t>(value));
        }
        case 'F': case 'G': {
            double value = 0;
            if (opcode == 'G') {
                const std::string_view big = take(8);
                std::uint64_t pattern = 0;
                for (const char c : big) pattern = pattern << 8 | static_cast<std::uint8_t>(c);
                value = std::bit_cast<double>(pattern);
            } else {
                const std::string_view digits = line();
                const auto result = real_from_chars(digits.data(), digits.data() + digits.size(), value);
                if (digits.empty() || result.ptr != digits.data() + digits.size()) fail("expected a number");
            }
            const Handle handle = add(PickleKind::real);
            node(handle).real = value;
            return push(handle);
        }
        case 'S': return quoted_string(line());
        case 'T': return push_text(PickleKind::bytes, take(number<std::uint32_t>()));
        case 'U': case 'C': return push_text(PickleKind::bytes, take(number<std::uint8_t>()));
        case 'B': return push_text(PickleKind::bytes, take(number<std::uint32_t>()));
        case 0x8E: case 0x96: return push_text(PickleKind::bytes, take(number<std::uint64_t>()));
        case 'V': return raw_unicode(line());
        case 'X': return push_text(PickleKind::text, checked_utf8(take(number<std::uint32_t>())));
        case 0x8C: return push_text(PickleKind::text, checked_utf8(take(number<std::uint8_t>())));
        case 0x8D: return push_text(PickleKind::text, checked_utf8(take(number<std::uint64_t>())));
        case '}': return push(add(PickleKind::dict));
        case ']': case 0x8F: return push(add(PickleKind::list));
        case ')': return push(add(PickleKind::tuple));
        case 't': return push_items(PickleKind::tuple, pop_to_mark());
        case 'l': case 0x91: return push_items(PickleKind::list, pop_to_mark());
        case 'd': {
            std::vector<Handle> items = pop_to_mark();
            if (items.size() % 2 != 0) fail("a dict gets a key without a value");
            return push_items(PickleKind::dict, std::move(items));
        }
        case 0x85: case 0x86: case 0x87: {
            std::vector<Handle> items(opcode - 0x84);
            for (std::size_t i = items.size(); i-- > 0;) items[i] = pop();
            return push_items(PickleKind::tuple, std::move(items));
        }
        case 'a': case 's': {
            std::vector<Handle> items(opcode == 's' ? 2 : 1);
            for (std::size_t i = items.size(); i-- > 0;) items[i] = pop();
            top();
            return append_to(stack_.back(), items, opcode == 's');
        }
        case 'e': case 'u': case 0x90: {
            const std::vector<Handle> items = pop_to_mark();
            top();
            return append_to(stack_.back(), items, opcode == 'u');
        }
        default: return step_calls(opcode);
    }
}

REGULUS_INLINE void PickleMachine::step_calls(std::uint8_t opcode) {
    switch (opcode) {
        case 'c': {
            const std::string_view module = line();
            return push_global(module, line());
        }
        case 0x93: {
            const PickleNode& name = node(pop());
            const PickleNode& module = node(pop());
            if (name.kind != PickleKind::text || module.kind != PickleKind::text) fail("STACK_GLOBAL needs two texts");
            return push_global(module.text, name.text);
        }
        case 'R': case 0x81: {
            const Handle args = pop();
            const Handle callable = pop();
            if (node(args).kind != PickleKind::tuple) fail("a call needs a tuple of arguments");
            return push(call(callable, args));
        }
        case 0x92: {
            const Handle keywords = pop();
            const Handle args = pop();
            const Handle callable = pop();
            if (node(args).kind != PickleKind::tuple || node(keywords).kind != PickleKind::dict) fail("NEWOBJ_EX needs a tuple and a dict");
            return push(call(callable, args));
        }
        case 'i': {
            const std::string_view module = line();
            const std::string_view name = line();
            const Handle args = add(PickleKind::tuple);
            node(args).items = pop_to_mark();
            push_global(module, name);
            return push(call(pop(), args));
        }
        case 'o': {
            std::vector<Handle> items = pop_to_mark();
            if (items.empty()) fail("OBJ without a class");
            const Handle callable = items.front();
            items.erase(items.begin());
            const Handle args = add(PickleKind::tuple);
            node(args).items = std::move(items);
            return push(call(callable, args));
        }
        case 'b': {
            const Handle state = pop();
            top();
            return build(stack_.back(), state);
        }
        case 'P': {
            push_text(PickleKind::text, checked_utf8(line()));
            return push(persistent(pop()));
        }
        case 'Q': return push(persistent(pop()));
        case 0x82: case 0x83: case 0x84: fail("the pickle needs Python's table of extension codes");
        case 0x97: case 0x98: fail("the pickle refers to a buffer outside the file");
        default: fail("unknown pickle opcode " + std::to_string(opcode));
    }
}

}  // namespace regulus::detail

#include <regulus/weights/pickle_calls-impl.hpp>
