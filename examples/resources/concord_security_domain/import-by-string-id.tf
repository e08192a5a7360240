import {
  to = concord_security_domain.finance
  id = "finance"
}
