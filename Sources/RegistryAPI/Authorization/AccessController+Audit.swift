import Access
import HTTPServer
import OCI

extension AccessController {
    /// Tells of a request that changed something or was refused.
    func audit(_ exchange: RegistryExchange, _ request: Request, _ status: Status) {
        guard let audit = settings.audit else { return }
        let method = request.head.method
        let changed = !method.isRead && status.code < 400 && exchange.endpoint != nil
        guard changed || exchange.refusal != nil || status == .forbidden else { return }
        audit(event(exchange, request, status))
    }

    private func event(_ exchange: RegistryExchange, _ request: Request, _ status: Status) -> AuditEvent {
        let method = request.head.method
        let action = exchange.refusal?.action ?? exchange.action(method, status)
        var rule = exchange.refusal?.rule
        if exchange.refusal == nil, let action, let repository = exchange.endpoint?.repository {
            rule = exchange.caller.rule(action, in: repository, tag: exchange.endpoint?.tag)
        }
        return AuditEvent(
            requestID: request.id, address: settings.clientAddress(request), identity: exchange.caller.identity,
            method: method, endpoint: exchange.label, action: action, repository: exchange.endpoint?.repository,
            reference: exchange.endpoint?.reference, rule: rule, status: status)
    }
}

extension RegistryExchange {
    /// What was asked for; a push that is forbidden though nothing refused it would have moved a tag.
    fileprivate func action(_ method: Method, _ status: Status) -> Action? {
        let action = endpoint?.action(method)
        return action == .push && status == .forbidden ? .overwrite : action
    }
}
