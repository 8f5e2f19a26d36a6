import CCurl
import EventLoop
import Glibc

/// A libcurl easy handle, used for one transfer after another; only the options that differ are set anew.
///
/// `@unchecked Sendable`: touched only on its engine's loop.
final class CurlHandle: @unchecked Sendable {
    /// What libcurl asks the kernel for at a time: bodies in memory are mostly small, read ones are mostly large.
    private static let smallBuffer = 16 << 10
    private static let largeBuffer = 256 << 10
    private static let smallUploadBuffer = 64 << 10

    let easy: UnsafeMutableRawPointer
    /// What the callbacks work for.
    private(set) var transfer: CurlTransfer?

    private let message: UnsafeMutablePointer<CChar>
    private var fields: UnsafeMutablePointer<curl_slist>?
    private var isMethodNamed = false
    private var caFile: String?
    private var connectLimit = 0
    private var receiveBuffer = 0
    private var sendBuffer = 0

    /// `age`: seconds after which an idle connection is not used again.
    init(age: Int) {
        guard let easy = curl_easy_init() else { preconditionFailure("libcurl has no memory for a handle") }
        self.easy = easy
        message = .allocate(capacity: Int(CURL_ERROR_SIZE))
        message.pointee = 0
        setFunctions()
        setConstants(age: age)
    }

    deinit {
        curl_easy_cleanup(easy)
        curl_slist_free_all(fields)
        message.deallocate()
    }

    // MARK: Options

    private func setFunctions() {
        let context = Unmanaged.passUnretained(self).toOpaque()
        let result = ccurl_set_functions(
            easy, context,
            { bytes, _, count, context in CurlHandle.from(context).write(bytes, count) },
            { bytes, _, count, context in CurlHandle.from(context).header(bytes, count) },
            { bytes, size, count, context in CurlHandle.from(context).read(bytes, size * count) },
            { context, offset, origin in CurlHandle.from(context).seek(Int(offset), origin) },
            { context, _, _, _, _ in
                CurlHandle.from(context).transfer?.willSend()
                return CURL_PREREQFUNC_OK
            })
        precondition(result == CURLE_OK, "libcurl lacks a function this program needs; 7.85 is the oldest that will do")
        ccurl_set_pointer(easy, CURLOPT_ERRORBUFFER, message)
    }

    /// What holds for every request: HTTP/1.1 straight to the server, as written, verified, no redirects.
    private func setConstants(age: Int) {
        ccurl_set_long(easy, CURLOPT_NOSIGNAL, 1)
        ccurl_set_string(easy, CURLOPT_PROTOCOLS_STR, "http,https")
        ccurl_set_long(easy, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        ccurl_set_string(easy, CURLOPT_PROXY, "")
        ccurl_set_long(easy, CURLOPT_FOLLOWLOCATION, 0)
        ccurl_set_long(easy, CURLOPT_PATH_AS_IS, 1)
        ccurl_set_long(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
        ccurl_set_long(easy, CURLOPT_SSL_VERIFYPEER, 1)
        ccurl_set_long(easy, CURLOPT_SSL_VERIFYHOST, 2)
        // With a directory of certificates libcurl reads them all for every connection; a file it keeps.
        ccurl_set_string(easy, CURLOPT_CAPATH, nil)
        ccurl_set_long(easy, CURLOPT_TCP_NODELAY, 1)
        ccurl_set_long(easy, CURLOPT_TCP_KEEPALIVE, 1)
        ccurl_set_long(easy, CURLOPT_MAXAGE_CONN, age)
        ccurl_set_string(easy, CURLOPT_USERAGENT, "stowage")
    }

    /// Makes the handle ready for `transfer`. Throws if the request cannot be written as HTTP.
    func prepare(_ transfer: CurlTransfer) throws(HTTPTransportError) {
        let request = transfer.request
        message.pointee = 0
        ccurl_set_string(easy, CURLOPT_URL, request.url)
        setMethod(request)
        try setFields(request)
        if request.caFile != caFile {
            // Nil brings back the system's.
            caFile = request.caFile
            ccurl_set_string(easy, CURLOPT_CAINFO, caFile ?? Self.systemCertificates)
        }
        set(CURLOPT_CONNECTTIMEOUT_MS, max(1, request.limits.connect), &connectLimit)
        let isRead = if case .reader = transfer.destination { true } else { false }
        set(CURLOPT_BUFFERSIZE, isRead ? Self.largeBuffer : Self.smallBuffer, &receiveBuffer)
        let isLarge = request.body.count > Self.smallUploadBuffer
        set(CURLOPT_UPLOAD_BUFFERSIZE, isLarge ? Self.largeBuffer : Self.smallUploadBuffer, &sendBuffer)
        self.transfer = transfer
    }

    /// Where Debian and most others keep the certificates of public authorities.
    private static let systemCertificates = "/etc/ssl/certs/ca-certificates.crt"

    private func set(_ option: CURLoption, _ value: Int, _ current: inout Int) {
        guard value != current else { return }
        ccurl_set_long(easy, option, value)
        current = value
    }

    private func setMethod(_ request: HTTPRequest) {
        // Each of the first three options takes back the two others.
        var isNamed = false
        switch request.method {
        case "GET": ccurl_set_long(easy, CURLOPT_HTTPGET, 1)
        case "HEAD": ccurl_set_long(easy, CURLOPT_NOBODY, 1)
        case "PUT", "POST":
            ccurl_set_long(easy, CURLOPT_UPLOAD, 1)
            ccurl_set_offset(easy, CURLOPT_INFILESIZE_LARGE, request.body.count)
            isNamed = request.method == "POST"
        default:
            ccurl_set_long(easy, CURLOPT_HTTPGET, 1)
            isNamed = true
        }
        if isNamed || isMethodNamed { ccurl_set_string(easy, CURLOPT_CUSTOMREQUEST, isNamed ? request.method : nil) }
        isMethodNamed = isNamed
    }

    private func setFields(_ request: HTTPRequest) throws(HTTPTransportError) {
        var list: UnsafeMutablePointer<curl_slist>?
        for (name, value) in request.fields {
            guard !value.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7f }) else {
                curl_slist_free_all(list)
                throw HTTPTransportError("control characters in the field \(name)", phase: .connect, isPermanent: true)
            }
            list = curl_slist_append(list, value.isEmpty ? name + ";" : name + ": " + value)
        }
        // Waiting for 100 (Continue) costs a round trip for each upload.
        if request.body.count > 0 { list = curl_slist_append(list, "Expect:") }
        ccurl_set_list(easy, CURLOPT_HTTPHEADER, list)
        curl_slist_free_all(fields)
        fields = list
    }

    /// Lets go of the transfer; the handle must have been removed from its multi handle.
    func release() {
        transfer = nil
    }

    /// What libcurl's `result` means, in the words it left.
    func failure(_ result: CURLcode) -> HTTPTransportError {
        let phase = transfer?.phase ?? .connect
        let isReused = ccurl_get_long(easy, CURLINFO_NUM_CONNECTS) == 0
        let text = message.pointee == 0 ? String(cString: curl_easy_strerror(result)) : String(cString: message)
        return HTTPTransportError(
            text, phase: phase, isTimeout: result == CURLE_OPERATION_TIMEDOUT,
            isReusedConnectionFailure: phase == .sending && isReused, isPermanent: Self.permanent.contains(result))
    }

    /// What no repetition mends.
    private static let permanent: [CURLcode] = [
        CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE,
    ]

    // MARK: Callbacks

    static func from(_ context: UnsafeMutableRawPointer?) -> CurlHandle {
        guard let context else { preconditionFailure("a callback without its handle") }
        return Unmanaged<CurlHandle>.fromOpaque(context).takeUnretainedValue()
    }

    private func header(_ bytes: UnsafeMutablePointer<CChar>?, _ count: Int) -> Int {
        guard let transfer else { return 0 }
        return transfer.receive(headLine: UnsafeRawBufferPointer(start: bytes, count: count)) ? count : 0
    }

    private func write(_ bytes: UnsafeMutablePointer<CChar>?, _ count: Int) -> Int {
        guard let transfer else { return 0 }
        return switch transfer.receive(body: UnsafeRawBufferPointer(start: bytes, count: count)) {
        case .taken: count
        case .pause: Int(CURL_WRITEFUNC_PAUSE)
        // Another number than `count` ends the transfer; so would 0, if `count` were not 0.
        case .refused: count == 0 ? 1 : 0
        }
    }

    private func read(_ bytes: UnsafeMutablePointer<CChar>?, _ room: Int) -> Int {
        guard let transfer else { return Int(CURL_READFUNC_ABORT) }
        return transfer.send(into: UnsafeMutableRawBufferPointer(start: bytes, count: room))
    }

    private func seek(_ offset: Int, _ origin: CInt) -> CInt {
        guard let transfer, origin == SEEK_SET, offset >= 0, offset <= transfer.request.body.count else {
            return CURL_SEEKFUNC_FAIL
        }
        transfer.rewind(to: offset)
        return CURL_SEEKFUNC_OK
    }
}
