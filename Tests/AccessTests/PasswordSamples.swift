/// Lines as `htpasswd` of Apache 2.4 wrote them.
enum PasswordSamples {
    /// "correct horse"
    static let alice = "alice:$2y$04$Dlbx5I4xKBjFmrMhs2F.G.ALb9mkqYmP..mBb5bW83QgjTKIHcsLq"
    /// "new horse"
    static let aliceLater = "alice:$2y$04$AagsKIy3RWNamH6zy.OpXOBlht/yfJzq9Q2nhKJ78k.F/C09n2XKS"
    /// "bob secret", at cost 5.
    static let bob = "bob:$2y$05$nXTFGfdGDgf5JS9L1a9/muEupmmGcFtzyJ/LBqbHcFnJJVJ4B6UUy"
    /// "straße€"
    static let juergen = "jürgen maier:$2y$04$.EFvGu0vOZIkFTF9SP0zFuN5lJ0z9RVpG1czRwOhoaKEupzkn0bWO"
    /// 72 times "x"
    static let full = "full:$2y$04$ThfHw.28iWRERK1wySz6bej49UqYxDY49pi0ul7lS2crB4JyNdRMy"
    /// "correct horse" at cost 10, what htpasswd recommends.
    static let usual = "alice:$2y$10$iDGogCVjiwm8jGqAglW0Y.fp9.y8jDanHkEhO2pni66DFgI2hH6HW"
}
