package ldap

// Fill is fill.
func Fill(filter, user, dn string) string { return fill(filter, user, dn) }
