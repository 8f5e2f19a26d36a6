import EventLoop
import Testing

/// The bounded memory of what was found out.
struct RecentValuesTests {
    @Test("what is asked for stays, what is not makes room")
    func generations() {
        let values = RecentValues<Int, String>(limit: 20)
        for number in 0..<1000 {
            values.insert("\(number)", for: number)
            #expect(values[number] == "\(number)")
            #expect(values[0] == "0")
        }
        #expect((1..<980).allSatisfy { values[$0] == nil })
    }

    @Test("weights count, replaced and removed values do not")
    func weights() {
        let values = RecentValues<Int, Int>(limit: 100)
        values.insert(1, for: 1, weight: 51)
        #expect(values[1] == nil)
        for _ in 0..<1000 { values.insert(2, for: 2, weight: 20) }
        values.insert(3, for: 3, weight: 10)
        #expect(values[2] == 2 && values[3] == 3)
        for number in 4..<1000 {
            values.insert(4, for: number, weight: 20)
            values.remove(number)
            #expect(values[number] == nil)
        }
        #expect(values[2] == 2 && values[3] == 3)
        // Too heavy to be kept, and no longer what was there before.
        values.insert(5, for: 2, weight: 1000)
        #expect(values[2] == nil)
    }
}
